//! The end-to-end suite: real processes, real clients, a chain that decides.
//!
//! It is one program, whose tests run beside each other: most of their time they wait for blocks.

#![allow(clippy::print_stdout, reason = "what a test measured is worth reading")]
#![allow(clippy::too_many_lines, reason = "refusals are tables")]

mod cheats;
mod clients;
mod crash;
mod demonstration;
mod detection;
mod doors;
mod floods;
mod healthy;
mod honest;
mod leftovers;
mod load;
mod metrics;
mod operators;
mod pages;
