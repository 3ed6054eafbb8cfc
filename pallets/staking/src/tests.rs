mod bonding;
mod ledger;
mod money;
mod pairing;
mod slashing;
mod validators;
