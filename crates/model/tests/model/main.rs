//! Networks of finite width against plain loops, derivatives, other programs, and each other. Each module is a subject; run one by its
//! name: `cargo test -p widenet-model --test model wide::`.

mod common;

mod autodiff;
mod batched;
mod checkpoint;
mod consistency;
mod convolution;
mod ensembles;
mod extremes;
mod flow;
mod given;
mod initial_correction;
mod mlp;
mod mlp_autodiff;
mod normalized;
mod prior;
mod schedules;
mod sizes;
mod wide;
