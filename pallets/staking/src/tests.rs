mod bonding;
mod exposure;
mod ledger;
mod money;
mod offences;
mod pairing;
mod slashing;
mod validators;
