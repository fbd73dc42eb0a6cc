//! criterion's times of each form of the handler, on each engine.

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use sqlx::{Postgres, Sqlite};
use sqlx_transactional_benches::{Engine, Subject, postgres_socket, settle};
use tokio::runtime::Builder;

criterion_group!(benches, transactions);
criterion_main!(benches);

fn transactions(criterion: &mut Criterion) {
    engine::<Sqlite>(criterion, "sqlite::memory:");
    if let Some(socket) = postgres_socket() {
        engine::<Postgres>(criterion, &socket);
    }
}

fn engine<DB: Engine>(criterion: &mut Criterion, url: &str) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let pools = runtime.block_on(DB::open(url)).expect("the database");
    let mut group = criterion.benchmark_group(DB::NAME);
    for subject in Subject::ALL {
        let pool = pools.of(subject);
        runtime.block_on(pools.clear()).expect("empty tables");
        group.bench_function(subject.to_string(), |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(async {
                    settle(pool).await;
                    let started = Instant::now();
                    let done = DB::repeat(subject.case, pool, times).await;
                    let taken = started.elapsed();
                    done.expect("transactions");
                    settle(pool).await;
                    taken
                })
            });
        });
    }
    group.finish();
    runtime.block_on(pools.close()).expect("tables removed");
}
