//! The end-to-end suite: real processes, real clients, a chain that decides.
//!
//! It is one program, whose tests run beside each other: most of their time they wait for blocks.

mod cheats;
mod clients;
mod crash;
mod demonstration;
mod detection;
mod doors;
mod healthy;
mod honest;
