mod bonding;
mod exposure;
mod ledger;
mod money;
mod pairing;
mod slashing;
mod validators;
