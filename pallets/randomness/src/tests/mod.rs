mod ring;
mod tickets;
