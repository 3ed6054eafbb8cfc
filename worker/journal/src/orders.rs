//! A payer's orders, from the record before the extrinsic until they are forgotten.

use crate::{Journal, JournalError, Order, Placed, Recorded, store::open};
use codec::Encode;
use infergrid_primitives::BlockNumber;
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};

pub(crate) const ORDERS: TableDefinition<u64, &[u8]> = TableDefinition::new("orders_v1");
/// Closed orders by the block in which they were closed; [`UNDATED`] where nobody noted it.
pub(crate) const CLOSED: TableDefinition<(u32, u64), ()> = TableDefinition::new("closed_orders_v1");
/// Closed by a version that did not note when. Counts from the next pruning on.
pub(crate) const UNDATED: BlockNumber = 0;

impl Journal {
	/// Records an order before it is submitted.
	pub fn record_order(&self, nonce: u64, order: &Order) -> Result<Recorded<Order>, JournalError> {
		self.record(
			ORDERS,
			nonce,
			|_| Ok(order.clone()),
			|standing: &Order| standing == order,
			|| format!("order {nonce}"),
		)
	}

	/// Adds to an order what it became.
	pub fn place_order(&self, nonce: u64, placed: Placed) -> Result<(), JournalError> {
		let Some(mut order) = self.order(nonce)? else {
			return Ok(());
		};
		order.placed = Some(placed);
		self.write(|transaction| {
			transaction
				.open_table(ORDERS)?
				.insert(nonce, order.encode().as_slice())?;
			Ok(())
		})
	}

	/// Forgets the prompt of an order that has its answer, or will never have one, and notes block
	/// `now`.
	pub fn close_order(&self, nonce: u64, now: BlockNumber) -> Result<(), JournalError> {
		let Some(mut order) = self.order(nonce)? else {
			return Ok(());
		};
		if order.prompt.is_empty() {
			return Ok(());
		}
		order.prompt.clear();
		self.write(|transaction| {
			transaction
				.open_table(ORDERS)?
				.insert(nonce, order.encode().as_slice())?;
			transaction.open_table(CLOSED)?.insert((now, nonce), ())?;
			Ok(())
		})
	}

	/// Forgets an order that the chain has refused.
	pub fn drop_order(&self, nonce: u64) -> Result<(), JournalError> {
		self.write(|transaction| {
			transaction.open_table(ORDERS)?.remove(nonce)?;
			Ok(())
		})
	}

	/// Forgets the orders that were closed more than `keep` blocks before `now`, and of the others the
	/// oldest until `most` are left. Gives what they had become.
	pub fn prune_orders(
		&self,
		now: BlockNumber,
		keep: BlockNumber,
		most: u64,
	) -> Result<Vec<Placed>, JournalError> {
		let forgotten = self.write(|transaction| {
			let mut closed = transaction.open_table(CLOSED)?;
			let undated = closed
				.range((UNDATED, 0)..=(UNDATED, u64::MAX))?
				.map(|entry| entry.map(|(key, _)| key.value()))
				.collect::<Result<Vec<_>, _>>()?;
			for key in undated {
				closed.remove(key)?;
				closed.insert((now, key.1), ())?;
			}
			let mut surplus = closed.len()?.saturating_sub(most);
			let first_kept = now.saturating_sub(keep);
			let mut due = Vec::new();
			for entry in closed.iter()? {
				let key = entry?.0.value();
				if key.0 >= first_kept && surplus == 0 {
					break;
				}
				surplus = surplus.saturating_sub(1);
				due.push(key);
			}
			let mut orders = transaction.open_table(ORDERS)?;
			let mut forgotten = Vec::new();
			for key in due {
				closed.remove(key)?;
				if let Some(order) = orders.remove(key.1)? {
					forgotten.push((key.1, order.value().to_vec()));
				}
			}
			Ok(forgotten)
		})?;
		let mut tasks = Vec::new();
		for (nonce, bytes) in forgotten {
			let order: Order = self.decode(&bytes, || format!("order {nonce}"))?;
			tasks.extend(order.placed);
		}
		Ok(tasks)
	}

	/// An order.
	pub fn order(&self, nonce: u64) -> Result<Option<Order>, JournalError> {
		self.get(ORDERS, nonce, || format!("order {nonce}"))
	}

	/// Every order.
	pub fn orders(&self) -> Result<Vec<(u64, Order)>, JournalError> {
		let found = self.read(|transaction| {
			let Some(table) = open(transaction, ORDERS)? else {
				return Ok(Vec::new());
			};
			let mut orders = Vec::new();
			for entry in table.iter()? {
				let (nonce, bytes) = entry?;
				orders.push((nonce.value(), bytes.value().to_vec()));
			}
			Ok(orders)
		})?;
		found
			.into_iter()
			.map(|(nonce, bytes)| Ok((nonce, self.decode(&bytes, || format!("order {nonce}"))?)))
			.collect()
	}
}
