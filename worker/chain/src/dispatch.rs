//! How a call fails, as the runtime encodes it.

use subxt::ext::scale_decode::DecodeAsType;

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct Failed {
	pub(crate) dispatch_error: DispatchError,
}

/// The variants of the runtime's dispatch error.
#[allow(dead_code, reason = "the fields are shown through Debug")]
#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) enum DispatchError {
	Other,
	CannotLookup,
	BadOrigin,
	Module(ModuleError),
	ConsumerRemaining,
	NoProviders,
	TooManyConsumers,
	Token(TokenError),
	Arithmetic(ArithmeticError),
	Transactional(TransactionalError),
	Exhausted,
	Corruption,
	Unavailable,
	RootNotAllowed,
	Trie(TrieError),
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) struct ModuleError {
	pub(crate) index: u8,
	pub(crate) error: [u8; 4],
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) enum TokenError {
	FundsUnavailable,
	OnlyProvider,
	BelowMinimum,
	CannotCreate,
	UnknownAsset,
	Frozen,
	Unsupported,
	CannotCreateHold,
	NotExpendable,
	Blocked,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) enum ArithmeticError {
	Underflow,
	Overflow,
	DivisionByZero,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) enum TransactionalError {
	LimitReached,
	NoLayer,
}

#[derive(Debug, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(crate) enum TrieError {
	InvalidStateRoot,
	IncompleteDatabase,
	ValueAtIncompleteKey,
	DecoderError,
	InvalidHash,
	DuplicateKey,
	ExtraneousNode,
	ExtraneousValue,
	ExtraneousHashReference,
	InvalidChildReference,
	ValueMismatch,
	IncompleteProof,
	RootMismatch,
	DecodeError,
}
