//! Smaller programs.

use crate::program::{Action, Call, Leave, Part, Program, Step};

/// Every program that is one thing smaller than this one, the smallest first.
pub(crate) fn smaller(program: &Program) -> Vec<Program> {
    let of = |body: Vec<Step>| Program {
        body,
        ..program.clone()
    };
    let mut all: Vec<_> = bodies(&program.body).into_iter().map(of).collect();
    let calls = [
        Call {
            key: false,
            ..program.call
        },
        Call {
            idempotent: false,
            ..program.call
        },
        Call {
            attempts: 1,
            idempotent: false,
            ..program.call
        },
        Call {
            lost: None,
            ..program.call
        },
    ];
    all.extend(
        calls
            .into_iter()
            .filter(|call| *call != program.call)
            .map(|call| Program {
                call,
                ..program.clone()
            }),
    );
    if program.leave != Leave::Return {
        all.push(Program {
            leave: Leave::Return,
            ..program.clone()
        });
    }
    all
}

fn bodies(body: &[Step]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    let with = |index: usize, steps: Vec<Step>| {
        let mut body = body.to_vec();
        body.splice(index..=index, steps);
        body
    };
    for index in 0..body.len() {
        all.push(with(index, Vec::new()));
    }
    for (index, step) in body.iter().enumerate() {
        if let Action::Part(part) = &step.action {
            all.push(with(index, part.body.clone()));
            for inner in parts(part) {
                let action = Action::Part(inner);
                all.push(with(
                    index,
                    vec![Step {
                        action,
                        ..step.clone()
                    }],
                ));
            }
        }
        if let Action::Conflict(2..) = step.action {
            let action = Action::Conflict(1);
            all.push(with(
                index,
                vec![Step {
                    action,
                    ..step.clone()
                }],
            ));
        }
        if step.swallow {
            all.push(with(
                index,
                vec![Step {
                    swallow: false,
                    ..step.clone()
                }],
            ));
        }
    }
    all
}

fn parts(part: &Part) -> Vec<Part> {
    let of = |body: Vec<Step>| Part {
        body,
        ..part.clone()
    };
    let mut all: Vec<_> = bodies(&part.body).into_iter().map(of).collect();
    if part.leave != Leave::Return {
        all.push(Part {
            leave: Leave::Return,
            ..part.clone()
        });
    }
    all
}
