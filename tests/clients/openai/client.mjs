// Drives a gateway with the unmodified OpenAI SDK and prints what it found as JSON.
//
// usage: node client.mjs [BASE_URL]
//
// BASE_URL (or OPENAI_BASE_URL) is the gateway's address with /v1, OPENAI_API_KEY its key if it asks
// for one, INFERGRID_MODEL the model (default: the first one listed), INFERGRID_PROMPT the question.
// Exits 1 if anything is not as the OpenAI API has it.

import { readFileSync } from "node:fs";
import OpenAI from "openai";

const baseURL = process.argv[2] ?? process.env.OPENAI_BASE_URL;
const key = process.env.OPENAI_API_KEY ?? "";
const prompt = process.env.INFERGRID_PROMPT ?? "What is the capital of France?";
const messages = [{ role: "user", content: prompt }];

if (!baseURL) {
  console.error("give the gateway's address, for instance http://127.0.0.1:8080/v1");
  process.exit(2);
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

function checkUsage(usage) {
  check(usage, "no usage");
  const { prompt_tokens, completion_tokens, total_tokens } = usage;
  check(prompt_tokens > 0, "no prompt tokens");
  check(completion_tokens > 0, "no completion tokens");
  check(total_tokens === prompt_tokens + completion_tokens, "total_tokens is not the sum");
  return { prompt_tokens, completion_tokens, total_tokens };
}

// The extension field names the receipt, and the gateway knows it.
async function checkReceipt(client, extension, header) {
  check(extension, "no infergrid field");
  const { receipt_id, task, status } = extension;
  check(receipt_id && receipt_id === header, `receipt ${receipt_id} is not that of the header ${header}`);
  for (const field of ["task", "miner", "request_id", "status"]) {
    check(field in extension, `the infergrid field has no ${field}`);
  }
  check(status === "delivered", `status ${status}`);
  const known = await client.get(`/receipts/${receipt_id}`);
  check(known.receipt_id === receipt_id, "the receipt is another one");
  return { receipt_id, task, status: known.status };
}

// Checks that `call` rejects with the SDK's own error and the gateway's fields.
async function expectError(type, status, code, param, call) {
  try {
    await call();
  } catch (error) {
    check(error instanceof type, `${error.constructor.name} instead of ${type.name}: ${error.message}`);
    check(error.status === status, `status ${error.status}, not ${status}`);
    check(error.code === code, `code ${error.code}, not ${code}`);
    check(error.param === param, `param ${error.param}, not ${param}`);
    check(error.error.message, "no message");
    return { status, code };
  }
  throw new Error(`no error, where ${type.name} was expected`);
}

const cases = {
  async list_models(client) {
    const models = [];
    for await (const model of client.models.list()) models.push(model.id);
    check(models.length > 0, "no models");
    return { models };
  },

  async retrieve_model(client, model) {
    check((await client.models.retrieve(model)).id === model, "another model");
    return {};
  },

  async chat(client, model) {
    const { data, response } = await client.chat.completions
      .create({ model, messages, temperature: 0, max_tokens: 64 })
      .withResponse();
    check(data.object === "chat.completion", `object ${data.object}`);
    check(data.id.startsWith("chatcmpl-"), `id ${data.id}`);
    check(data.choices.length === 1, "not one choice");
    const [choice] = data.choices;
    check(choice.message.role === "assistant", `role ${choice.message.role}`);
    check(choice.message.content, "no text");
    check(["stop", "length"].includes(choice.finish_reason), `finish_reason ${choice.finish_reason}`);
    return {
      text: choice.message.content,
      finish_reason: choice.finish_reason,
      usage: checkUsage(data.usage),
      ...(await checkReceipt(client, data.infergrid, response.headers.get("x-infergrid-receipt"))),
    };
  },

  // System message, content as parts, and the newer name of the limit.
  async chat_parts(client, model) {
    const answer = await client.chat.completions.create({
      model,
      messages: [
        { role: "system", content: "You are a helpful assistant." },
        { role: "user", content: [{ type: "text", text: prompt }] },
      ],
      max_completion_tokens: 4,
      temperature: 0.5,
      top_p: 0.9,
      frequency_penalty: 0.1,
      presence_penalty: 0.1,
      seed: 1,
      user: "somebody",
    });
    check(answer.usage.completion_tokens <= 4, "more tokens than allowed");
    return { finish_reason: answer.choices[0].finish_reason };
  },

  async chat_stream(client, model) {
    const began = performance.now();
    const { data: stream, response } = await client.chat.completions
      .create({
        model,
        messages,
        temperature: 0,
        max_tokens: 64,
        stream: true,
        stream_options: { include_usage: true },
      })
      .withResponse();
    let text = "";
    let first, finish, usage, last;
    for await (const chunk of stream) {
      check(chunk.object === "chat.completion.chunk", `object ${chunk.object}`);
      check(!usage, "a chunk after the usage");
      const [choice] = chunk.choices;
      if (choice) {
        check(!finish, "a choice after the finish");
        if (choice.delta.content) {
          first ??= performance.now();
          text += choice.delta.content;
        }
        finish = choice.finish_reason;
      }
      usage = chunk.usage;
      last = chunk;
    }
    check(text, "no text");
    check(["stop", "length"].includes(finish), `finish_reason ${finish}`);
    return {
      text,
      finish_reason: finish,
      usage: checkUsage(usage),
      first_token_ms: Math.round(first - began),
      total_ms: Math.round(performance.now() - began),
      ...(await checkReceipt(client, last.infergrid, response.headers.get("x-infergrid-receipt"))),
    };
  },

  // The SDK's own accumulation of a stream.
  async stream_helper(client, model) {
    const stream = client.chat.completions.stream({ model, messages, temperature: 0, max_tokens: 64 });
    const text = await stream.finalContent();
    check(text, "no text");
    return { text };
  },

  async completion(client, model) {
    const answer = await client.completions.create({ model, prompt, max_tokens: 8, temperature: 0 });
    check(answer.object === "text_completion", `object ${answer.object}`);
    check(answer.usage.completion_tokens <= 8, "more tokens than allowed");
    return { text: answer.choices[0].text, usage: checkUsage(answer.usage) };
  },

  async completion_stream(client, model) {
    const stream = await client.completions.create({
      model,
      prompt,
      max_tokens: 8,
      temperature: 0,
      stream: true,
    });
    let text = "";
    let finish;
    for await (const chunk of stream) {
      text += chunk.choices[0].text;
      finish = chunk.choices[0].finish_reason;
    }
    check(["stop", "length"].includes(finish), `finish_reason ${finish}`);
    return { text };
  },

  // Several prompts: a choice for each, whole and streamed.
  async completions(client, model) {
    const request = { model, prompt: [prompt, "What is Infergrid?"], max_tokens: 8, temperature: 0 };
    const { data, response } = await client.completions.create(request).withResponse();
    const texts = data.choices.map((choice) => choice.text);
    check(data.choices.every((choice, i) => choice.index === i) && texts.length === 2, "not in order");
    const headers = response.headers.get("x-infergrid-receipt").split(", ");
    const extensions = data.infergrid.choices.entries();
    for (const [i, extension] of extensions) await checkReceipt(client, extension, headers[i]);
    const streamed = ["", ""];
    for await (const chunk of await client.completions.create({ ...request, stream: true })) {
      for (const choice of chunk.choices) streamed[choice.index] += choice.text;
    }
    check(`${streamed}` === `${texts}`, `${texts} whole and ${streamed} streamed`);
    return { texts, usage: checkUsage(data.usage) };
  },

  unknown_model(client) {
    return expectError(OpenAI.NotFoundError, 404, "model_not_found", "model", () =>
      client.chat.completions.create({ model: "no-such-model", messages }),
    );
  },

  unknown_model_stream(client) {
    return expectError(OpenAI.NotFoundError, 404, "model_not_found", "model", () =>
      client.chat.completions.create({ model: "no-such-model", messages, stream: true }),
    );
  },

  bad_value(client, model) {
    return expectError(OpenAI.BadRequestError, 400, "invalid_value", "temperature", () =>
      client.chat.completions.create({ model, messages, temperature: 9 }),
    );
  },

  unsupported_parameter(client, model) {
    const tools = [{ type: "function", function: { name: "f", parameters: {} } }];
    return expectError(OpenAI.BadRequestError, 400, "unsupported_parameter", "tools", () =>
      client.chat.completions.create({ model, messages, tools }),
    );
  },

  too_long(client, model) {
    return expectError(OpenAI.BadRequestError, 400, "context_length_exceeded", "messages", () =>
      client.chat.completions.create({ model, messages, max_tokens: 100_000_000 }),
    );
  },
};

if (key) {
  cases.bad_key = (client) => {
    const stranger = client.withOptions({ apiKey: "not-the-key" });
    return expectError(OpenAI.AuthenticationError, 401, "invalid_api_key", null, () =>
      stranger.models.list(),
    );
  };
}

// Without retries: a test wants to see the first answer.
const client = new OpenAI({ baseURL, apiKey: key || "none", maxRetries: 0, timeout: 180_000 });
let model = process.env.INFERGRID_MODEL ?? "";
const results = {};
let ok = true;
for (const [name, run] of Object.entries(cases)) {
  const began = performance.now();
  let result;
  try {
    model ||= (await client.models.list()).data[0].id;
    result = { ok: true, ...(await run(client, model)) };
  } catch (error) {
    ok = false;
    result = { ok: false, error: `${error.constructor.name}: ${error.message}` };
  }
  results[name] = { ...result, elapsed_ms: Math.round(performance.now() - began) };
}
const manifest = new URL("./node_modules/openai/package.json", import.meta.url);
const version = JSON.parse(readFileSync(manifest)).version;
console.log(JSON.stringify({ client: `openai-node ${version}`, model, ok, cases: results }, null, 2));
process.exit(ok ? 0 : 1);
