use super::*;
use crate::{InferFrame, InferRequest, OpeningReply, OpeningRequest, Refusal};
use futures::io::Cursor;
use infergrid_primitives::request::{Finish, Opening, Receipt};
use proptest::prelude::*;

fn hash() -> impl Strategy<Value = [u8; 32]> {
	any::<[u8; 32]>()
}

fn signature() -> impl Strategy<Value = [u8; 64]> {
	(hash(), hash()).prop_map(|(a, b)| {
		let mut bytes = [0; 64];
		bytes[..32].copy_from_slice(&a);
		bytes[32..].copy_from_slice(&b);
		bytes
	})
}

fn ids() -> impl Strategy<Value = Vec<u32>> {
	prop::collection::vec(any::<u32>(), 0..200)
}

fn refusal() -> impl Strategy<Value = Refusal> {
	prop::sample::select(vec![
		Refusal::Busy,
		Refusal::Stopping,
		Refusal::Unknown,
		Refusal::NotAssigned,
		Refusal::Unauthorised,
		Refusal::PromptMismatch,
		Refusal::Expired,
		Refusal::Malformed,
		Refusal::Unavailable,
		Refusal::Internal,
	])
}

prop_compose! {
	fn receipt()(
		(request_id, miner, worker_key, output_commit, trace_root) in (hash(), hash(), hash(), hash(), hash()),
		(n_prompt, n_out, ttft_ms, total_ms) in any::<(u32, u32, u32, u32)>(),
		fee in any::<u128>(),
		finish in prop::sample::select(vec![Finish::EndOfSequence, Finish::StopString, Finish::Length]),
	) -> Receipt {
		Receipt {
			request_id, miner, worker_key, n_prompt, n_out, finish, output_commit, trace_root, fee, ttft_ms, total_ms,
		}
	}
}

fn infer_request() -> impl Strategy<Value = InferRequest> {
	(any::<u64>(), hash(), ids(), hash(), signature()).prop_map(
		|(task, salt, prompt, payer_key, signature)| InferRequest {
			task,
			salt,
			prompt,
			payer_key,
			signature,
		},
	)
}

fn infer_frame() -> impl Strategy<Value = InferFrame> {
	prop_oneof![
		Just(InferFrame::Accepted),
		ids().prop_map(InferFrame::Tokens),
		(receipt(), signature(), hash()).prop_map(|(receipt, signature, output_salt)| {
			InferFrame::Done {
				receipt,
				signature,
				output_salt,
			}
		}),
		refusal().prop_map(InferFrame::Refused),
	]
}

fn opening_request() -> impl Strategy<Value = OpeningRequest> {
	(any::<(u64, u64, u8)>(), hash(), signature()).prop_map(
		|((audit, task, round), worker, signature)| OpeningRequest {
			audit,
			task,
			round,
			worker,
			signature,
		},
	)
}

fn opening_reply() -> impl Strategy<Value = OpeningReply> {
	let proofs = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8);
	prop_oneof![
		(hash(), ids(), hash(), ids(), proofs).prop_map(
			|(prompt_salt, prompt, output_salt, output, proofs)| {
				OpeningReply::Opening(Opening {
					prompt_salt,
					prompt,
					output_salt,
					output,
					proofs,
				})
			}
		),
		refusal().prop_map(OpeningReply::Refused),
	]
}

/// Writes `message`, reads it back, and checks what cutting or padding its frame does.
fn check<M: Message + PartialEq + std::fmt::Debug>(message: &M, cut: prop::sample::Index) {
	let frame = encode(message).unwrap();
	let mut stream = Cursor::new(frame.clone());
	let back: M = futures::executor::block_on(read(&mut stream)).unwrap();
	assert_eq!(&back, message);
	assert_eq!(
		stream.position(),
		frame.len() as u64,
		"reads its own bytes only"
	);

	let cut = cut.index(frame.len());
	let error =
		futures::executor::block_on(read::<M>(&mut Cursor::new(&frame[..cut]))).unwrap_err();
	match cut {
		0 => assert!(matches!(error, FrameError::Closed)),
		_ => assert!(matches!(error, FrameError::Truncated), "{error:?}"),
	}

	let mut padded = frame[PREFIX..].to_vec();
	padded.push(0);
	assert!(decode::<M>(&padded).is_err(), "trailing bytes are an error");
}

proptest! {
	#[test]
	fn infer_requests_round_trip(message in infer_request(), cut in any::<prop::sample::Index>()) {
		check(&message, cut);
	}

	#[test]
	fn infer_frames_round_trip(message in infer_frame(), cut in any::<prop::sample::Index>()) {
		check(&message, cut);
	}

	#[test]
	fn opening_requests_round_trip(message in opening_request(), cut in any::<prop::sample::Index>()) {
		check(&message, cut);
	}

	#[test]
	fn opening_replies_round_trip(message in opening_reply(), cut in any::<prop::sample::Index>()) {
		check(&message, cut);
	}

	#[test]
	fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
		let mut framed = (bytes.len() as u32).to_be_bytes().to_vec();
		framed.extend_from_slice(&bytes);
		for bytes in [&bytes, &framed] {
			let _ = futures::executor::block_on(read::<InferRequest>(&mut Cursor::new(bytes)));
			let _ = futures::executor::block_on(read::<InferFrame>(&mut Cursor::new(bytes)));
			let _ = futures::executor::block_on(read::<OpeningRequest>(&mut Cursor::new(bytes)));
			let _ = futures::executor::block_on(read::<OpeningReply>(&mut Cursor::new(bytes)));
		}
	}
}

#[test]
fn the_length_is_big_endian_and_the_body_scale() {
	assert_eq!(
		encode(&InferFrame::Tokens(vec![1, 258])).unwrap(),
		[0, 0, 0, 10, 1, 8, 1, 0, 0, 0, 2, 1, 0, 0]
	);
	assert_eq!(encode(&InferFrame::Accepted).unwrap(), [0, 0, 0, 1, 0]);
	assert_eq!(
		encode(&InferFrame::Refused(Refusal::Internal)).unwrap(),
		[0, 0, 0, 2, 3, 9]
	);
}

#[test]
fn an_oversize_frame_is_refused_from_its_length_alone() {
	let mut announced = (InferFrame::MAX_BYTES as u32 + 1).to_be_bytes().to_vec();
	announced.push(1);
	let error =
		futures::executor::block_on(read::<InferFrame>(&mut Cursor::new(announced))).unwrap_err();
	assert!(
		matches!(
			error,
			FrameError::Oversize {
				bytes: 65_537,
				limit: 65_536
			}
		),
		"{error:?}"
	);

	let largest = InferFrame::Tokens(vec![0; 16_382]);
	assert!(encode(&largest).is_ok());
	let too_large = InferFrame::Tokens(vec![0; 16_384]);
	assert!(matches!(
		encode(&too_large),
		Err(FrameError::Oversize { .. })
	));
}

/// A vector that claims 2^30 elements in a frame of a few bytes must not be believed.
#[test]
fn a_lying_vector_length_is_malformed() {
	let body = [1, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0];
	assert!(matches!(
		decode::<InferFrame>(&body),
		Err(FrameError::Malformed { bytes: 9 })
	));
}

#[test]
fn an_unknown_variant_is_malformed() {
	assert!(matches!(
		decode::<InferFrame>(&[4]),
		Err(FrameError::Malformed { .. })
	));
	assert!(matches!(
		decode::<InferFrame>(&[3, 200]),
		Err(FrameError::Malformed { .. })
	));
	assert!(matches!(
		decode::<InferFrame>(&[]),
		Err(FrameError::Malformed { bytes: 0 })
	));
}
