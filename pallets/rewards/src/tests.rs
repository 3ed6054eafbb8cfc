mod paying;
mod sharing;
