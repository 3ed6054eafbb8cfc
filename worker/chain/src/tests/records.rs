use super::fake::FakeNode;
use crate::{Advice, Audit, Phase, ProfileError, ReadError, find_profile, records::AuditRules};
use codec::Encode;
use infergrid_primitives::{
	audit::{FINGERPRINT_LEN, Measures, Verdict, Vote},
	market::Work,
	model::{Arithmetic, Profile, ProofParams},
	randomness::Ticket,
};

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
}

#[tokio::test(start_paused = true)]
async fn who_starts_reads_its_own_work_and_no_other() {
	let node = FakeNode::new(3);
	let chain = node.chain().await;
	let view = chain.latest().await.unwrap();
	let me = [5u8; 32];
	let work = |miner: [u8; 32]| (1u64, [3u8; 32], miner, [1u8; 32], 1u128, 61u32, false);
	let number = node.build(|block| {
		for id in 0..300u64 {
			let mine = id == 7 || id == 8;
			let (miner, verifier) = if mine { (me, me) } else { ([6; 32], [9; 32]) };
			let phase = (1u8, 0u8, [4u8; 32], vec![verifier], 60u32);
			let audit = (work(miner), 20u32, phase).encode();
			let mut put = |key, value| drop(block.storage.insert(key, value));
			put(view.key_of("Audits", "Audits", (id,)), audit);
			put(view.key_of("Audits", "Seated", (verifier, id)), Vec::new());
			put(view.key_of("Audits", "Openable", (miner, id)), Vec::new());
			put(
				view.key_of("Tasks", "Ordered", ([1u8; 32], 1_000 + id)),
				id.encode(),
			);
		}
		// The index of the chain names a task that nobody can read.
		let key = view.key_of("Tasks", "Assigned", (me, 7u64));
		block.storage.insert(key, Vec::new());
		let key = view.key_of("Tasks", "Tasks", (7u64,));
		block.storage.insert(key, vec![0xff]);
	});
	node.finalize(number);
	chain
		.reach(number, std::time::Duration::from_secs(9))
		.await
		.unwrap();
	let view = chain.latest().await.unwrap();
	let before = node.state().reads;
	let duties = view.duties(&me).await.unwrap();
	assert_eq!(
		duties.iter().map(|duty| duty.audit).collect::<Vec<_>>(),
		[7, 8]
	);
	assert_eq!(view.openable(&me).await.unwrap().len(), 2);
	assert_eq!(view.assigned_to(&me).await.unwrap(), []);
	assert_eq!(view.ordered(&[1; 32], 1_299).await.unwrap(), Some(299));
	assert_eq!(view.ordered(&[2; 32], 1_299).await.unwrap(), None);
	let reads = node.state().reads - before;
	assert!(reads <= 16, "{reads} values were read");
}

fn audit(phase: Phase) -> Audit {
	Audit {
		work: Work {
			task: 1,
			profile: [3; 32],
			miner: [7; 32],
			payer: [1; 32],
			fee: 1,
			tokens: 61,
			always: false,
		},
		included_at: 20,
		phase,
	}
}

#[test]
fn an_opening_can_be_asked_until_the_last_committee_has_committed() {
	let rules = AuditRules {
		base_commit: 20,
		reveal: 10,
		redraws: 2,
		draw_delay: 10,
		millisecs_per_block: 3_000,
	};
	let last = |phase| rules.last_opening(&audit(phase), 10);
	// 61 tokens at 10 a second take 3 blocks: commitments 23, reveals 10, each window's end, and the
	// wait for the next draw.
	let round = 23 + 1 + 10 + 1 + 10;
	let committing = |round, until| Phase::Committing {
		round,
		randomness: [4; 32],
		committee: Vec::new(),
		until,
	};
	let revealing = |round, until| Phase::Revealing {
		round,
		randomness: [4; 32],
		committee: Vec::new(),
		until,
	};
	let end = 100 + 2 * round + 23;
	let scheduled = |round, draw_at| Phase::Scheduled {
		round,
		ticket: Ticket {
			first: 92,
			count: 8,
		},
		draw_at,
	};
	assert_eq!(last(scheduled(0, 100)), Some(end));
	assert_eq!(last(scheduled(1, 100 + round)), Some(end));
	assert_eq!(last(committing(0, 123)), Some(end));
	assert_eq!(last(revealing(0, 134)), Some(end));
	assert_eq!(last(committing(2, end)), Some(end));
	assert_eq!(last(revealing(2, end + 11)), Some(end + 11));
	assert_eq!(last(Phase::Escrowed { until: 500 }), None);
}

#[tokio::test(start_paused = true)]
async fn a_revealed_vote_is_owed_no_more_and_a_scheduled_audit_names_its_last_block() {
	let node = FakeNode::new(3);
	let chain = node.chain().await;
	let view = chain.latest().await.unwrap();
	let verifier = [5u8; 32];
	let work = (1u64, [3u8; 32], [7u8; 32], [1u8; 32], 1u128, 61u32, false);
	let committee = vec![verifier];
	let ticket = Ticket {
		first: 22,
		count: 8,
	};
	let scheduled = (work, 20u32, (0u8, 0u8, ticket, 30u32)).encode();
	let committing = (work, 20u32, (1u8, 0u8, [4u8; 32], &committee, 60u32)).encode();
	let revealing = (work, 20u32, (2u8, 0u8, [4u8; 32], &committee, 70u32)).encode();
	let vote = Vote {
		verdict: Verdict::Valid,
		measures: Measures::default(),
		fingerprint: [0; FINGERPRINT_LEN],
	};
	let number = node.build(|block| {
		let mut put = |id: u64, audit: &Vec<u8>| {
			let key = view.key_of::<(u64,)>("Audits", "Audits", (id,));
			block.storage.insert(key, audit.clone());
		};
		put(1, &scheduled);
		put(2, &committing);
		// Committed and not revealed; revealed; never committed.
		(3..=5).for_each(|id| put(id, &revealing));
		for id in [3u64, 4] {
			let key = view.key_of("Audits", "Commitments", (id, verifier));
			block.storage.insert(key, [9u8; 32].encode());
		}
		let key = view.key_of("Audits", "Votes", (4u64, verifier));
		block.storage.insert(key, vote.encode());
		for id in 1..=5u64 {
			let key = view.key_of("Audits", "Openable", ([7u8; 32], id));
			block.storage.insert(key, Vec::new());
		}
		for id in 2..=5u64 {
			let key = view.key_of("Audits", "Seated", (verifier, id));
			block.storage.insert(key, Vec::new());
		}
	});
	node.finalize(number);
	chain
		.reach(number, std::time::Duration::from_secs(9))
		.await
		.unwrap();
	let view = chain.latest().await.unwrap();
	let mut votes = view.owed(&verifier).await.unwrap().votes;
	votes.sort();
	assert_eq!(votes, [(2, 60), (3, 70)]);
	let openings = view.owed(&[7; 32]).await.unwrap().openings;
	assert_eq!(openings.len(), 5);
	assert!(
		openings
			.iter()
			.all(|(task, until)| *task == 1 && *until > 60)
	);
}

/// A model of these files that `creator` registered, as the chain keeps it.
fn model(manifest: [u8; 32], creator: u8, retired_at: Option<u32>) -> Vec<u8> {
	let info = (b"demo".to_vec(), manifest, 2u32, 1u64, b"MIT".to_vec());
	([creator; 32], info, 10u8, 1u128, retired_at).encode()
}

#[tokio::test(start_paused = true)]
async fn whoever_registers_the_same_files_keeps_no_worker_from_its_profile() {
	let node = FakeNode::new(3);
	let chain = node.chain().await;
	let view = chain.latest().await.unwrap();
	let (manifest, worker, operator) = ([8u8; 32], [1u8; 32], [2u8; 32]);
	let of = |model: u8| Profile {
		model: [model; 32],
		..profile(100)
	};
	// Three registrations of the same files, of which the last is retired.
	let mut number = node.build(|block| {
		for (id, retired) in [(1u8, None), (2, None), (3, Some(5))] {
			let key = view.key_of::<([u8; 32],)>("Models", "Models", ([id; 32],));
			block.storage.insert(key, model(manifest, id, retired));
			let key = view.key_of::<([u8; 32],)>("Models", "Profiles", ([id + 10; 32],));
			block.storage.insert(key, of(id).encode());
		}
		let key = view.key_of::<([u8; 32],)>("RoleStaking", "Workers", (worker,));
		block.storage.insert(key, operator.encode());
	});
	node.finalize(number);
	let wait = std::time::Duration::from_secs(9);
	chain.reach(number, wait).await.unwrap();
	let find = |wanted: Option<String>| {
		let chain = chain.clone();
		async move { find_profile(&chain, &manifest, wanted.as_deref(), &worker).await }
	};
	let error = find(None).await.unwrap_err();
	let ProfileError::Several(choices) = &error else {
		panic!("{error}");
	};
	assert_eq!(choices.len(), 2, "the retired one is no choice: {error}");
	let named = find(Some(hex::encode([13; 32]))).await.unwrap();
	assert_eq!(named.id, [13; 32], "who asks for it gets it");

	// An operator goes on with what it stands for, retired or not.
	for stood in [12u8, 13] {
		number = node.build(|block| {
			for id in [11u8, 12, 13] {
				let key = view.key_of::<([u8; 32],)>("Models", "Verifiers", ([id; 32],));
				let standing = if id == stood {
					vec![operator]
				} else {
					vec![[9u8; 32]]
				};
				block.storage.insert(key, standing.encode());
			}
		});
		node.finalize(number);
		chain.reach(number, wait).await.unwrap();
		assert_eq!(find(None).await.unwrap().id, [stood; 32]);
	}
}
