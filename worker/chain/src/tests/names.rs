//! What the crate calls things, against the metadata of the runtime.

use super::fake::FakeNode;

#[tokio::test(start_paused = true)]
async fn the_runtime_knows_the_names_that_workers_use() {
	let view = FakeNode::new(1).chain().await.latest().await.unwrap();
	let metadata = view.raw().metadata_ref();
	let source = include_str!("../names.rs");
	let in_module = |name: &str| {
		let body = source.split(&format!("mod {name} {{")).nth(1).unwrap();
		let body = body.split("\n}").next().unwrap();
		body.split('"')
			.skip(1)
			.step_by(2)
			.map(str::to_owned)
			.collect::<Vec<_>>()
	};
	let pallets: Vec<_> = in_module("pallet")
		.iter()
		.map(|name| {
			metadata
				.pallet_by_name(name)
				.unwrap_or_else(|| panic!("{name}"))
		})
		.collect();
	for entry in in_module("entry") {
		let known = pallets.iter().any(|pallet| {
			let storage = pallet
				.storage()
				.map(|storage| storage.entry_by_name(&entry).is_some());
			storage.unwrap_or_default()
		});
		assert!(known, "storage entry {entry}");
	}
	let balances = metadata.pallet_by_name("Balances").unwrap();
	let deposit = balances
		.event_variants()
		.and_then(|events| events.iter().find(|event| event.name == "Deposit"))
		.unwrap();
	let fields: Vec<_> = deposit
		.fields
		.iter()
		.map(|field| field.name.as_deref())
		.collect();
	assert_eq!(fields, [Some("who"), Some("amount")]);
	for constant in in_module("constant") {
		assert!(
			pallets
				.iter()
				.any(|pallet| pallet.constant_by_name(&constant).is_some()),
			"{constant}"
		);
	}
	for call in in_module("call") {
		assert!(
			pallets
				.iter()
				.any(|pallet| pallet.call_variant_by_name(&call).is_some()),
			"{call}"
		);
	}
}
