//! Tests by topic.

mod bad_input;
mod draw;
mod random_runs;
mod tally;
mod verdict;
mod vote;
