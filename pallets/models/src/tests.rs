mod draw;
mod models;
mod offers;
mod registry;
