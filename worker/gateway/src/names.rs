//! By which names clients ask for models, of which several may be registered under one name.

use crate::market::Model;
use std::sync::Arc;

/// Digits of a profile's identifier that tell it from its creator's others.
const DIGITS: usize = 8;
/// Names that an error shows.
const SHOWN: usize = 8;

/// A profile that may be asked, whether or not somebody serves it at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
	/// The name under which its model is registered.
	pub name: String,
	/// Who registered it.
	pub owner: String,
	/// Its identifier.
	pub profile: infergrid_primitives::Hash,
}

/// The names of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
	/// The shortest that means this profile and no other.
	pub listed: String,
	/// Others that are taken; those that fit several profiles of one creator mean the first served.
	pub aliases: Vec<String>,
}

/// The names of every profile in `known`. They depend on what is registered and at hand, never on who
/// serves it, so that they do not change as miners come and go.
pub fn names(known: &[Known]) -> Vec<Names> {
	known.iter().map(|one| names_of(one, known)).collect()
}

fn names_of(one: &Known, known: &[Known]) -> Names {
	let Known { name, owner, .. } = one;
	let alike: Vec<_> = known.iter().filter(|other| other.name == *name).collect();
	// A name with these signs could pass for somebody else's full name.
	let plain = !name.contains(['/', '@']);
	let bare = plain && alike.iter().all(|other| other.owner == *owner);
	let several = alike.iter().filter(|other| other.owner == *owner).count() > 1;
	let digits = &hex::encode(one.profile)[..DIGITS];
	let full = format!("{owner}/{name}");
	let shortest = if bare { name } else { &full };
	let listed = match several {
		true => format!("{shortest}@{digits}"),
		false => shortest.clone(),
	};
	let mut aliases = vec![format!("{full}@{digits}"), full.clone()];
	if bare {
		aliases.extend([format!("{name}@{digits}"), name.clone()]);
	}
	aliases.retain(|alias| *alias != listed);
	Names { listed, aliases }
}

/// The model that is called `name`.
pub(crate) fn find<'a>(models: &'a [Arc<Model>], name: &str) -> Option<&'a Arc<Model>> {
	let listed = models.iter().find(|model| model.name == name);
	listed.or_else(|| {
		let mut models = models.iter();
		models.find(|model| model.aliases.iter().any(|alias| alias == name))
	})
}

/// The names of the models of several creators for which `name` could stand.
pub(crate) fn choices(models: &[Arc<Model>], name: &str) -> Vec<String> {
	let fits = |model: &&Arc<Model>| {
		let full = format!("{}/{name}", model.owner);
		model.name == full || model.aliases.contains(&full)
	};
	let names = models.iter().filter(fits).map(|model| model.name.clone());
	names.take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn known(name: &str, owner: &str, profile: u8) -> Known {
		Known {
			name: name.into(),
			owner: owner.into(),
			profile: [profile; 32],
		}
	}

	fn listed(known: &[Known]) -> Vec<String> {
		names(known).into_iter().map(|names| names.listed).collect()
	}

	#[test]
	fn one_model_has_its_name_and_is_found_by_longer_ones() {
		let names = names(&[known("small", "ann", 1), known("large", "ann", 2)]);
		assert_eq!(names[0].listed, "small");
		assert_eq!(
			names[0].aliases,
			["ann/small@01010101", "ann/small", "small@01010101"]
		);
		assert_eq!(names[1].listed, "large");
	}

	#[test]
	fn a_name_of_two_creators_means_neither() {
		let known = [known("small", "ann", 1), known("small", "bob", 2)];
		assert_eq!(listed(&known), ["ann/small", "bob/small"]);
		for names in names(&known) {
			assert!(!names.aliases.contains(&"small".to_owned()));
		}
	}

	#[test]
	fn profiles_under_one_name_are_told_apart() {
		let two = [known("small", "ann", 1), known("small", "ann", 2)];
		assert_eq!(listed(&two), ["small@01010101", "small@02020202"]);
		for names in names(&two) {
			for short in ["small", "ann/small"] {
				assert!(names.aliases.contains(&short.to_owned()), "{names:?}");
			}
		}
		let three = [two[0].clone(), two[1].clone(), known("small", "bob", 3)];
		assert_eq!(
			listed(&three),
			["ann/small@01010101", "ann/small@02020202", "bob/small"]
		);
	}

	#[test]
	fn nobody_takes_the_full_name_of_another() {
		let known = [known("small", "ann", 1), known("ann/small", "bob", 2)];
		assert_eq!(listed(&known), ["small", "bob/ann/small"]);
		assert!(!names(&known)[1].aliases.contains(&"ann/small".to_owned()));
	}
}
