// Signs one call of the chain with the key in a file, waits until it is final, and prints its events as JSON.
//
// usage: node call.mjs [--url ws://127.0.0.1:9944] --key-file FILE PALLET.CALL [ARGUMENT…]
//
//   node call.mjs --key-file operator.key session.setKeys 0xKEYS 0xPROOF
//   node call.mjs --key-file worker.key models.standDown 0xPROFILE
//   node call.mjs --key-file rich.key balances.transferKeepAlive ADDRESS 5000000000000

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		url: { type: 'string', default: 'ws://127.0.0.1:9944' },
		'key-file': { type: 'string' },
		'timeout-seconds': { type: 'string', default: '120' },
	},
});

function fail(reason) {
	console.error(`call.mjs: ${reason}`);
	process.exit(1);
}

async function send(api, call, signer) {
	return new Promise((resolve, reject) => {
		call
			.signAndSend(signer, ({ status, events, dispatchError }) => {
				if (dispatchError?.isModule) {
					const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
					reject(new Error(`the chain refused the call: ${section}.${name}: ${docs.join(' ')}`));
				} else if (dispatchError) {
					reject(new Error(`the chain refused the call: ${dispatchError}`));
				} else if (status.isFinalized) {
					resolve({ block: status.asFinalized, events });
				} else if (status.isInvalid || status.isDropped || status.isUsurped) {
					reject(new Error(`the node gave the extrinsic up: ${status.type}`));
				}
			})
			.catch(reject);
	});
}

const [name, ...args] = positionals;
if (!name || !options['key-file']) fail('usage: call.mjs [--url URL] --key-file FILE PALLET.CALL [ARGUMENT…]');
const seconds = Number(options['timeout-seconds']);
setTimeout(() => fail(`not final after ${seconds} s: is the node there, and does the chain finalize?`), seconds * 1_000);

try {
	const secret = readFileSync(options['key-file'], 'utf8').trim();
	const api = await ApiPromise.create({ provider: new WsProvider(options.url), noInitWarn: true });
	const signer = new Keyring({ type: 'sr25519' }).addFromUri(secret);
	const [pallet, method] = name.split('.');
	const call = api.tx[pallet]?.[method];
	if (!call) fail(`the chain has no call ${name}: write it as in roleStaking.bond`);
	const { block, events } = await send(api, call(...args), signer);
	const told = events.map(({ event }) => ({
		event: `${event.section}.${event.method}`,
		data: event.data.toHuman(),
	}));
	console.log(JSON.stringify({ block: block.toHex(), events: told }, null, 2));
	process.exit(0);
} catch (error) {
	fail(error.message ?? error);
}
