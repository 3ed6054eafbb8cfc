use crate::{Tokenizer, TokenizerError, tokenizer::changed};
use infergrid_primitives::TokenId;
use std::collections::{HashMap, HashSet};

/// A tokenizer to which control tokens are text.
pub(super) struct Plain {
	/// For the beginning of a text, and for what comes after a control token: some tokenizers put a
	/// blank before the first word only.
	tokenizers: [tokenizers::Tokenizer; 2],
	/// Ids of the added tokens that are left, by those they have here.
	ids: HashMap<TokenId, TokenId>,
	controls: HashSet<TokenId>,
}

impl Plain {
	pub(super) fn new(from: &Tokenizer, controls: HashSet<TokenId>) -> Self {
		let whole = from.inner();
		let mut first = tokenizers::Tokenizer::new(whole.get_model().clone());
		first.with_pre_tokenizer(whole.get_pre_tokenizer().cloned());
		let mut ids = HashMap::new();
		// Without a normaliser that fails nothing here can; tokens that cannot be added are left out.
		if first
			.with_normalizer(whole.get_normalizer().cloned())
			.is_ok()
		{
			let mut left: Vec<_> = from
				.added()
				.into_iter()
				.filter(|(id, _)| !controls.contains(id))
				.collect();
			left.sort_unstable_by_key(|(id, _)| *id);
			for (id, token) in left {
				let text = token.content.clone();
				if first.add_tokens([token]).is_ok()
					&& let Some(here) = first.token_to_id(&text)
				{
					ids.insert(here, id);
				}
			}
		}
		let mut rest = first.clone();
		// Without the blank that comes before the first word only.
		let without = |scheme: &mut serde_json::Value| {
			if scheme == "first" {
				*scheme = "never".into();
			}
		};
		let pre_tokenizer = whole.get_pre_tokenizer();
		rest.with_pre_tokenizer(pre_tokenizer.map(|from| changed(from, "prepend_scheme", without)));
		Self {
			tokenizers: [first, rest],
			ids,
			controls,
		}
	}

	/// Token ids of `text`, none of which is a control token.
	pub(super) fn encode(
		&self,
		text: &str,
		is_first: bool,
	) -> Result<Vec<TokenId>, TokenizerError> {
		let [first, rest] = &self.tokenizers;
		let tokenizer = if is_first { first } else { rest };
		let encoding =
			tokenizer
				.encode_fast(text, false)
				.map_err(|error| TokenizerError::Encode {
					reason: error.to_string(),
				})?;
		let own = |id: &TokenId| self.ids.get(id).copied().unwrap_or(*id);
		let ids: Vec<_> = encoding.get_ids().iter().map(own).collect();
		match ids.iter().any(|id| self.controls.contains(id)) {
			true => Err(TokenizerError::Control),
			false => Ok(ids),
		}
	}
}
