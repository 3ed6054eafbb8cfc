//! What there is to choose from: penalised, tempered and cut at the top-k and top-p edges.

use crate::{
	TokenId,
	request::{MICROS, SamplingParams},
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Ordering;

/// How often each token occurs in the answer so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(BTreeMap<TokenId, u32>);

impl History {
	/// Counts one more token of the answer.
	pub fn record(&mut self, token: TokenId) {
		*self.0.entry(token).or_default() += 1;
	}

	/// Occurrences of `token`.
	pub fn count(&self, token: TokenId) -> u32 {
		self.0.get(&token).copied().unwrap_or(0)
	}
}

impl FromIterator<TokenId> for History {
	fn from_iter<I: IntoIterator<Item = TokenId>>(tokens: I) -> Self {
		let mut history = Self::default();
		tokens.into_iter().for_each(|token| history.record(token));
		history
	}
}

/// Logits that no token can be chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLogits {
	/// There are none, or all are −∞.
	Empty,
	/// One is NaN or +∞.
	NotFinite(TokenId),
}

impl core::fmt::Display for BadLogits {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		match self {
			Self::Empty => f.write_str("the model gives no token a finite logit"),
			Self::NotFinite(token) => write!(f, "the logit of token {token} is not finite"),
		}
	}
}

impl core::error::Error for BadLogits {}

/// How far an honest verifier's logits may be off at the edges of the top-k and top-p sets, where a
/// tiny difference moves a token in or out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
	/// In logits.
	pub logit: f64,
	/// In nucleus mass.
	pub mass: f64,
}

impl Default for Tolerance {
	fn default() -> Self {
		Self {
			logit: 0.1,
			mass: 0.005,
		}
	}
}

/// Temperature above 0 and what it keeps.
#[derive(Clone, Copy)]
pub(super) struct Sampling {
	pub(super) temperature: f64,
	/// 0 or the vocabulary's size keep all.
	top_k: usize,
	/// `None` keeps all.
	top_p: Option<f64>,
}

/// The last place that is kept: everything that sorts before or at it is in.
#[derive(Clone, Copy)]
pub(super) struct Edge {
	pub(super) score: f64,
	token: TokenId,
}

impl Edge {
	const ALL: Self = Self {
		score: f64::NEG_INFINITY,
		token: TokenId::MAX,
	};

	fn keeps(&self, token: TokenId, score: f64) -> bool {
		score > self.score || (score == self.score && token <= self.token)
	}
}

/// The edge itself, and where it may lie at most and at least for somebody with other noise in the
/// logits.
pub(super) struct Edges {
	pub(super) strict: Edge,
	pub(super) widened: Edge,
	pub(super) narrowed: Edge,
}

pub(super) struct Distribution {
	/// Penalised logits, divided by the temperature if there is one.
	pub(super) scores: Vec<f64>,
	pub(super) argmax: TokenId,
	pub(super) sampling: Option<Sampling>,
}

impl Distribution {
	pub(super) fn new(
		logits: &[f32],
		history: &History,
		params: &SamplingParams,
	) -> Result<Self, BadLogits> {
		let mut scores: Vec<f64> = Vec::with_capacity(logits.len());
		for (token, &logit) in (0..).zip(logits) {
			if logit.is_nan() || logit == f32::INFINITY {
				return Err(BadLogits::NotFinite(token));
			}
			scores.push(logit.into());
		}
		let frequency = f64::from(params.frequency_penalty_micros) / f64::from(MICROS);
		let presence = f64::from(params.presence_penalty_micros) / f64::from(MICROS);
		if frequency != 0.0 || presence != 0.0 {
			for (&token, &count) in &history.0 {
				if let Some(score) = scores.get_mut(token as usize) {
					*score -= f64::from(count) * frequency + presence;
				}
			}
		}
		let sampling = (params.temperature_micros > 0).then(|| Sampling {
			temperature: f64::from(params.temperature_micros) / f64::from(MICROS),
			top_k: params.top_k as usize,
			top_p: (params.top_p_micros < MICROS)
				.then(|| f64::from(params.top_p_micros) / f64::from(MICROS)),
		});
		if let Some(sampling) = &sampling {
			scores
				.iter_mut()
				.for_each(|score| *score /= sampling.temperature);
		}
		let mut argmax = Edge {
			score: f64::NEG_INFINITY,
			token: 0,
		};
		for (token, &score) in (0..).zip(&scores) {
			if score > argmax.score {
				argmax = Edge { score, token };
			}
		}
		if argmax.score == f64::NEG_INFINITY {
			return Err(BadLogits::Empty);
		}
		Ok(Self {
			scores,
			argmax: argmax.token,
			sampling,
		})
	}

	pub(super) fn for_each_kept(&self, edge: Edge, mut visit: impl FnMut(TokenId, f64)) {
		// The leader first, so that its noise prunes the others.
		visit(self.argmax, self.scores[self.argmax as usize]);
		for (token, &score) in (0..).zip(&self.scores) {
			if token != self.argmax && score > f64::NEG_INFINITY && edge.keeps(token, score) {
				visit(token, score);
			}
		}
	}

	pub(super) fn kept(&self, sampling: &Sampling, tolerance: &Tolerance) -> Edges {
		let slack = tolerance.logit / sampling.temperature;
		let all = || Edges {
			strict: Edge::ALL,
			widened: Edge::ALL,
			narrowed: Edge::ALL,
		};
		let restricts_count = sampling.top_k > 0 && sampling.top_k < self.scores.len();
		if !restricts_count && sampling.top_p.is_none() {
			return all();
		}
		let mut candidates: Vec<(f64, TokenId)> = self.scores.iter().copied().zip(0..).collect();
		let mut edges = all();
		if restricts_count {
			let (_, &mut (score, token), _) =
				candidates.select_nth_unstable_by(sampling.top_k - 1, descending);
			candidates.truncate(sampling.top_k);
			// Selection leaves an order of its own; sums must not depend on it.
			candidates.sort_unstable_by(descending);
			edges = Edges {
				strict: Edge { score, token },
				widened: Edge {
					score: score - slack,
					token: TokenId::MAX,
				},
				narrowed: Edge {
					score: score + slack,
					token: TokenId::MAX,
				},
			};
		}
		if let Some(mass) = sampling.top_p {
			let nucleus = self.nucleus(&mut candidates, mass, tolerance.mass, slack);
			edges.strict = nucleus.strict;
			// Past the top-k edge the nucleus has nothing to say: the looser edge is that of top-k
			// only where the nucleus reaches it.
			edges.widened.score = edges.widened.score.max(nucleus.widened.score);
			edges.narrowed.score = edges.narrowed.score.max(nucleus.narrowed.score);
		}
		edges
	}

	/// The edges of the smallest set of candidates whose share of their mass reaches `mass`.
	fn nucleus(
		&self,
		candidates: &mut [(f64, TokenId)],
		mass: f64,
		mass_slack: f64,
		slack: f64,
	) -> Edges {
		let top = self.scores[self.argmax as usize];
		let weight = |score: f64| libm::exp(score - top);
		let total: f64 = candidates.iter().map(|(score, _)| weight(*score)).sum();
		let wanted = [mass - mass_slack, mass, mass + mass_slack].map(|share| share * total);
		let mut found = [None; 3];
		let (mut sorted, mut sum) = (0, 0.0);
		// Sort only as much of the head as the widest set needs.
		while sorted < candidates.len() && found[2].is_none() {
			let rest = &mut candidates[sorted..];
			let step = (sorted * 3).max(256).min(rest.len());
			if step < rest.len() {
				rest.select_nth_unstable_by(step - 1, descending);
			}
			rest[..step].sort_unstable_by(descending);
			for &(score, token) in &rest[..step] {
				sum += weight(score);
				for (edge, wanted) in found.iter_mut().zip(wanted) {
					if edge.is_none() && sum >= wanted {
						*edge = Some(Edge { score, token });
					}
				}
			}
			sorted += step;
		}
		let last = candidates
			.last()
			.map_or(Edge::ALL, |&(score, token)| Edge { score, token });
		let [narrowed, strict, widened] = found.map(|edge| edge.unwrap_or(last));
		Edges {
			strict,
			widened: Edge {
				score: widened.score - slack,
				token: TokenId::MAX,
			},
			narrowed: Edge {
				score: narrowed.score + slack,
				token: TokenId::MAX,
			},
		}
	}
}

pub(super) fn descending(a: &(f64, TokenId), b: &(f64, TokenId)) -> Ordering {
	b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}
