use super::fake::FakeNode;
use crate::{Advice, ReadError};
use codec::Encode;
use infergrid_primitives::model::{Arithmetic, Profile, ProofParams};

fn profile(context: u32) -> Profile {
	let proof = ProofParams::F32;
	Profile {
		model: [4; 32],
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof,
		calibration: proof.uncalibrated(),
		context,
		min_tokens_per_second: 10,
		reference_input: 1,
		reference_output: 2,
	}
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_runtime_does_not_hide_the_others() {
	let node = FakeNode::new(3);
	let chain = node.chain().await;
	let view = chain.latest().await.unwrap();
	let key = |id: u8| view.key_of::<([u8; 32],)>("Models", "Profiles", ([id; 32],));
	let number = node.build(|block| {
		block.storage.insert(key(1), profile(100).encode());
		block.storage.insert(key(2), vec![0xff; 3]);
		block.storage.insert(key(3), profile(300).encode());
	});
	node.finalize(number);
	chain
		.reach(number, std::time::Duration::from_secs(9))
		.await
		.unwrap();

	let view = chain.latest().await.unwrap();
	let mut contexts: Vec<_> = view.profiles().await.unwrap();
	contexts.sort_by_key(|(id, _)| *id);
	assert_eq!(contexts, [([1; 32], profile(100)), ([3; 32], profile(300))]);

	let error = view.profile(&[2; 32]).await.unwrap_err();
	let ReadError::Undecodable { item, key, .. } = &error else {
		panic!("{error}");
	};
	assert_eq!((item.as_str(), key), ("Models.Profiles", &"02".repeat(32)));
	assert_eq!(error.advice(), Advice::Skip);
	assert!(error.to_string().contains("upgrade infergrid"), "{error}");
	assert_eq!(view.profile(&[9; 32]).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_named_by_its_number() {
	let node = FakeNode::new(3);
	let chain = node.chain().await;
	let view = chain.latest().await.unwrap();
	let key = view.key_of::<(u64,)>("Tasks", "Tasks", (77,));
	let number = node.build(|block| drop(block.storage.insert(key, vec![0xff])));
	node.finalize(number);
	chain
		.reach(number, std::time::Duration::from_secs(9))
		.await
		.unwrap();
	let view = chain.latest().await.unwrap();
	let error = view.task(77).await.unwrap_err().to_string();
	assert!(error.contains("Tasks.Tasks holds a record, 77"), "{error}");
	assert!(view.tasks().await.unwrap().is_empty());
}
