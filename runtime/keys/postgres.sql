-- One row for each call that was made with a key, written by its transaction.
create table if not exists sqlx_transactional_keys (
    key text primary key check (octet_length(key) <= 255),
    done_at timestamptz not null default now()
);
