//! Accounts as people write them.

use infergrid_primitives::AccountBytes;
use std::str::FromStr;
use subxt_utils_accountid32::AccountId32;

/// An account in SS58 with prefix 42.
pub fn address(account: &AccountBytes) -> String {
	AccountId32(*account).to_string()
}

/// The account that an SS58 text names; None if it names none.
pub fn parse_address(text: &str) -> Option<AccountBytes> {
	AccountId32::from_str(text.trim())
		.ok()
		.map(|account| account.0)
}
