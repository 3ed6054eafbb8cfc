//! Frames: a big-endian `u32` length and that many bytes of SCALE.
//!
//! Each kind of message has its own largest size, checked before anything is allocated. A message
//! must fill its frame to the byte.

use codec::{Decode, DecodeAll, Encode};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use std::io;

/// Bytes of the length prefix.
const PREFIX: usize = 4;

/// A message that travels in a frame of its own.
pub trait Message: Encode + Decode {
	/// Largest encoded size in bytes, without the length prefix.
	const MAX_BYTES: usize;
}

/// Why a frame could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
	/// The stream ended where a frame would begin.
	#[error("the stream is closed")]
	Closed,
	/// The stream ended inside a frame.
	#[error("the stream ended inside a frame")]
	Truncated,
	/// A frame is larger than its kind allows.
	#[error("a frame of {bytes} bytes exceeds the limit of {limit}")]
	Oversize {
		/// Size of the frame.
		bytes: usize,
		/// Largest size of its kind.
		limit: usize,
	},
	/// The bytes are not one message of the expected kind.
	#[error("a frame of {bytes} bytes is not a message of the expected kind")]
	Malformed {
		/// Size of the frame.
		bytes: usize,
	},
	/// The connection failed.
	#[error("the connection failed: {0}")]
	Io(io::ErrorKind),
}

impl From<io::Error> for FrameError {
	fn from(error: io::Error) -> Self {
		Self::Io(error.kind())
	}
}

/// The frame of `message`, length prefix included.
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, FrameError> {
	let mut frame = vec![0; PREFIX];
	message.encode_to(&mut frame);
	let bytes = frame.len() - PREFIX;
	let oversize = FrameError::Oversize {
		bytes,
		limit: M::MAX_BYTES,
	};
	if bytes > M::MAX_BYTES {
		return Err(oversize);
	}
	let Ok(length) = u32::try_from(bytes) else {
		return Err(oversize);
	};
	frame[..PREFIX].copy_from_slice(&length.to_be_bytes());
	Ok(frame)
}

/// The message whose encoding is all of `bytes`.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, FrameError> {
	if bytes.len() > M::MAX_BYTES {
		return Err(FrameError::Oversize {
			bytes: bytes.len(),
			limit: M::MAX_BYTES,
		});
	}
	M::decode_all(&mut &*bytes).map_err(|_| FrameError::Malformed { bytes: bytes.len() })
}

/// Writes one frame and flushes. Not cancel-safe: a stream on which this was cancelled is broken.
pub async fn write<M: Message>(
	stream: &mut (impl AsyncWrite + Unpin),
	message: &M,
) -> Result<(), FrameError> {
	stream.write_all(&encode(message)?).await?;
	stream.flush().await?;
	Ok(())
}

/// Reads one frame. Not cancel-safe: a stream on which this was cancelled is broken.
pub async fn read<M: Message>(stream: &mut (impl AsyncRead + Unpin)) -> Result<M, FrameError> {
	let mut prefix = [0; PREFIX];
	let mut filled = 0;
	while filled < PREFIX {
		match stream.read(&mut prefix[filled..]).await? {
			0 if filled == 0 => return Err(FrameError::Closed),
			0 => return Err(FrameError::Truncated),
			n => filled += n,
		}
	}
	let length = u32::from_be_bytes(prefix);
	let bytes = usize::try_from(length).unwrap_or(usize::MAX);
	if bytes > M::MAX_BYTES {
		return Err(FrameError::Oversize {
			bytes,
			limit: M::MAX_BYTES,
		});
	}
	// Grows with what arrives: an announced length alone costs the reader no memory.
	let mut body = Vec::new();
	stream.take(length.into()).read_to_end(&mut body).await?;
	if body.len() < bytes {
		return Err(FrameError::Truncated);
	}
	decode(&body)
}

#[cfg(test)]
mod tests;
