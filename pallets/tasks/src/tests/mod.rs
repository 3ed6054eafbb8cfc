//! Tests by topic.

mod assign;
mod bad_input;
mod deliver;
mod random_runs;
mod settle;
mod submit;
