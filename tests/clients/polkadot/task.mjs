// Submits a task with an inline prompt, follows it through finalized blocks to settlement, and prints
// what the chain says about it as JSON. Exits non-zero, with the reason on standard error, if any
// part is missing.
//
// usage: node task.mjs --url ws://127.0.0.1:9944 [--payer //Alice] [--prompt TEXT] [--profile 0x…]
//                      [--max-tokens 48] [--timeout-seconds 300]

import { parseArgs } from 'node:util';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const { values: options } = parseArgs({
	options: {
		url: { type: 'string', default: 'ws://127.0.0.1:9944' },
		payer: { type: 'string', default: '//Alice' },
		prompt: { type: 'string', default: 'What is Infergrid?' },
		profile: { type: 'string' },
		'max-tokens': { type: 'string', default: '48' },
		'max-fee': { type: 'string', default: '1000000000000' },
		'timeout-seconds': { type: 'string', default: '300' },
	},
});

const MICROS = 1_000_000;

function check(condition, reason) {
	if (!condition) throw new Error(reason);
}

/** The first registered profile, or the one asked for. */
async function chooseProfile(api) {
	if (options.profile) {
		const known = await api.query.models.profiles(options.profile);
		check(known.isSome, `the chain knows no profile ${options.profile}`);
		return options.profile;
	}
	const entries = await api.query.models.profiles.entries();
	check(entries.length > 0, 'no profile is registered: publish a model first');
	return entries[0][0].args[0].toHex();
}

/** Signs, submits, and waits for the finalized block. Gives the block's hash and the call's events. */
function submit(call, payer) {
	return new Promise((resolve, reject) => {
		let unsubscribe = () => {};
		call
			.signAndSend(payer, ({ status, events, dispatchError }) => {
				if (dispatchError?.isModule) {
					const { section, name, docs } = call.registry.findMetaError(dispatchError.asModule);
					reject(new Error(`the chain refused the call: ${section}.${name}: ${docs.join(' ')}`));
				} else if (dispatchError) {
					reject(new Error(`the chain refused the call: ${dispatchError}`));
				} else if (status.isFinalized) {
					unsubscribe();
					resolve({ block: status.asFinalized, events });
				} else if (status.isInvalid || status.isDropped || status.isUsurped) {
					reject(new Error(`the node gave the extrinsic up: ${status.type}`));
				}
			})
			.then((stop) => (unsubscribe = stop), reject);
	});
}

/** Every event of the task in finalized blocks from `from` on, until `last` comes. */
async function follow(api, task, from, last) {
	const seen = [];
	const header = await api.rpc.chain.getHeader(from);
	let next = header.number.toNumber();
	return new Promise((resolve, reject) => {
		let unsubscribe = () => {};
		let busy = Promise.resolve();
		let done = false;
		const read = async (finalized) => {
			for (; next <= finalized && !done; next += 1) {
				const hash = await api.rpc.chain.getBlockHash(next);
				const at = await api.at(hash);
				for (const { event } of await at.query.system.events()) {
					if (event.section !== 'tasks' && event.section !== 'audits') continue;
					const names = event.data.names ?? [];
					const place = names.indexOf('task');
					if (place < 0 || !event.data[place].eq(task)) continue;
					const data = Object.fromEntries(names.map((name, i) => [name, event.data[i].toJSON()]));
					seen.push({ block: next, event: `${event.section}.${event.method}`, data });
					if (last.includes(event.method)) done = true;
				}
			}
			if (done) {
				unsubscribe();
				resolve(seen);
			}
		};
		api.rpc.chain
			.subscribeFinalizedHeads((head) => {
				busy = busy.then(() => read(head.number.toNumber())).catch(reject);
			})
			.then((stop) => (unsubscribe = stop), reject);
	});
}

async function run() {
	// Without this the provider tries for ever and the timeout below is all that ends it.
	const provider = new WsProvider(options.url, 1_000, {}, 20_000);
	const api = await ApiPromise.create({ provider, noInitWarn: true });
	try {
		const payer = new Keyring({ type: 'sr25519' }).addFromUri(options.payer);
		const profile = await chooseProfile(api);
		const maxFee = BigInt(options['max-fee']);
		const params = {
			maxTokens: Number(options['max-tokens']),
			temperatureMicros: 0,
			topPMicros: MICROS,
			topK: 0,
			frequencyPenaltyMicros: 0,
			presencePenaltyMicros: 0,
			stop: [],
		};
		const nonce = BigInt(Date.now());
		// Bytes given as text that starts with 0x would be read as hexadecimal.
		const prompt = `0x${Buffer.from(options.prompt, 'utf8').toString('hex')}`;
		const call = api.tx.tasks.submit(
			profile,
			{ Inline: prompt },
			params,
			maxFee,
			60,
			nonce,
			'Always',
		);
		const { block, events } = await submit(call, payer);
		const submitted = events.find(({ event }) => api.events.tasks.TaskSubmitted.is(event));
		check(submitted, 'the call passed without a TaskSubmitted event');
		const task = submitted.event.data.task;

		const history = await follow(api, task, block, ['TaskSettled', 'TaskRefunded']);
		const find = (name) => history.find(({ event }) => event === name);
		const result = find('tasks.ResultSubmitted');
		const settled = find('tasks.TaskSettled');
		const verdict = find('audits.AuditConcluded');
		check(find('tasks.TaskAssigned'), 'no miner was assigned');
		check(result, `no result came: ${JSON.stringify(history.at(-1))}`);
		check(settled, `the task was not paid: ${JSON.stringify(history.at(-1))}`);
		check(verdict?.data.verdict === 'Valid', `the audit did not pass: ${JSON.stringify(verdict)}`);

		// What storage holds must be what the events said.
		const receipt = (await api.query.tasks.receipts(task)).unwrap();
		const outputCommit = receipt.outputCommit.toHex();
		check(outputCommit === result.data.outputCommit, 'receipt and event commit to different answers');
		const stored = (await api.query.tasks.tasks(task)).unwrap();
		check(stored.status.isSettled, `the task's status is ${stored.status.type}`);
		const shares = stored.status.asSettled.shares;
		const [miner, creator, treasury] = ['miner', 'creator', 'treasury'].map((who) =>
			shares[who].toBigInt(),
		);
		const fee = receipt.fee.toBigInt();
		check(miner + creator + treasury === fee, 'the shares do not sum to the fee');
		check(fee > 0n && fee <= maxFee, `a fee of ${fee} is outside (0, ${maxFee}]`);

		return {
			task: task.toNumber(),
			requestId: receipt.requestId.toHex(),
			miner: stored.status.asSettled.miner.toString(),
			promptTokens: receipt.nPrompt.toNumber(),
			answerTokens: receipt.nOut.toNumber(),
			finish: receipt.finish.type,
			outputCommit,
			traceRoot: receipt.traceRoot.toHex(),
			fee: fee.toString(),
			shares: {
				miner: miner.toString(),
				creator: creator.toString(),
				treasury: treasury.toString(),
			},
			verdict: verdict.data.verdict,
			events: history.map(({ block, event }) => ({ block, event })),
		};
	} finally {
		await api.disconnect();
	}
}

const seconds = Number(options['timeout-seconds']);
const limit = setTimeout(() => {
	console.error(`task.mjs: no end after ${seconds} s`);
	process.exit(1);
}, seconds * 1_000);

try {
	const summary = await run();
	console.log(JSON.stringify(summary, null, 2));
	process.exit(0);
} catch (error) {
	console.error(`task.mjs: ${error.message ?? error}`);
	process.exit(1);
} finally {
	clearTimeout(limit);
}
