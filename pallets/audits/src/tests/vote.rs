use crate::{mock::*, pallet::*, types::*};
use infergrid_primitives::audit::Verdict;
use polkadot_sdk::{
	frame_support::{assert_ok, dispatch::Pays},
	sp_runtime::DispatchError,
};

#[test]
fn votes_are_free_and_counted_once_everybody_revealed() {
	run(|| {
		let audit = drawn();
		events();
		let members = committee(audit);
		let honest = vote(Verdict::Valid, 100);
		for (seat, member) in members.iter().enumerate() {
			let hash = commitment(audit, member, &honest);
			let post = AuditsPallet::commit_vote(by(member), audit, hash).expect("commits");
			assert_eq!(post.pays_fee, Pays::No);
			assert_eq!(matches!(phase(audit), Phase::Revealing { .. }), seat == 2);
		}
		let seen = events();
		assert_eq!(seen.len(), 4);
		assert_eq!(seen.last(), Some(&Event::RevealOpened { audit }));

		for member in &members {
			let post = AuditsPallet::reveal_vote(by(member), audit, honest.clone(), SALT)
				.expect("reveals");
			assert_eq!(post.pays_fee, Pays::No);
		}
		run_on(1);
		assert!(matches!(
			phase(audit),
			Phase::Concluded {
				verdict: Verdict::Valid,
				..
			}
		));
		assert_eq!(Outcomes::of(7), Some(Outcome::Settled));
	});
}

#[test]
fn reveals_open_for_those_who_committed_in_time() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		let honest = vote(Verdict::Valid, 100);
		commit(audit, &members[0], &honest);
		commit(audit, &members[1], &honest);
		run_on(COMMIT_BLOCKS);
		assert!(matches!(phase(audit), Phase::Committing { .. }));
		run_on(1);
		assert!(matches!(phase(audit), Phase::Revealing { .. }));
		reveal(audit, &members[0], honest.clone());
		reveal(audit, &members[1], honest);
		run_on(1);
		assert!(matches!(
			phase(audit),
			Phase::Concluded {
				verdict: Verdict::Valid,
				..
			}
		));
	});
}

#[test]
fn who_commits_and_does_not_reveal_is_waited_for_until_the_window_closes() {
	run(|| {
		let audit = drawn();
		let members = committee(audit);
		let honest = vote(Verdict::Valid, 100);
		for member in &members {
			commit(audit, member, &honest);
		}
		reveal(audit, &members[0], honest.clone());
		reveal(audit, &members[1], honest);
		run_on(REVEAL_BLOCKS);
		assert!(matches!(phase(audit), Phase::Revealing { .. }));
		run_on(1);
		assert!(matches!(
			phase(audit),
			Phase::Concluded {
				verdict: Verdict::Valid,
				..
			}
		));
		assert!(events().iter().any(|event| matches!(
			event,
			Event::VerifierPunished { verifier, class: FaultClass::Silent, .. }
				if *verifier == members[2]
		)));
	});
}

#[test]
fn any_worker_of_the_operator_may_vote() {
	run(|| {
		let audit = drawn();
		let member = committee(audit)[0].clone();
		infergrid_mock_market::pair(&member, [99; 32]);
		let hash = commitment(audit, &member, &vote(Verdict::Valid, 1));
		let second = RuntimeOrigin::signed([99; 32].into());
		assert_ok!(AuditsPallet::commit_vote(second.clone(), audit, hash));
		let again = AuditsPallet::commit_vote(by(&member), audit, hash);
		assert_eq!(
			again.map_err(|failed| failed.error),
			Err(DispatchError::from(Error::<Test>::AlreadyCommitted))
		);
	});
}

#[test]
fn concluded_audits_are_forgotten_with_their_votes() {
	run(|| {
		let audit = drawn();
		round(audit, &vec![vote(Verdict::Valid, 1); 3]);
		assert_eq!(Votes::<Test>::iter_prefix(audit).count(), 3);
		run_on(HISTORY - 1);
		assert!(Audits::<Test>::contains_key(audit));
		run_on(1);
		assert!(!Audits::<Test>::contains_key(audit));
		assert_eq!(Votes::<Test>::iter().count(), 0);
		run_on(20);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		assert_eq!(AgendaPages::<Test>::iter().count(), 0);
	});
}
