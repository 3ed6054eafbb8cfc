use super::*;
use std::fs;

fn message(role: &str, content: &str) -> ChatMessage {
	ChatMessage {
		role: role.into(),
		content: content.into(),
	}
}

fn render(source: &str, messages: &[ChatMessage], options: &RenderOptions) -> String {
	let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
	let tokens = tokens.map(|(name, token)| (name.to_owned(), token.to_owned()));
	ChatTemplate::compile(source.into(), tokens.into())
		.unwrap()
		.render(messages, options)
		.unwrap()
}

// In the manner of ChatML, with line breaks that only trim_blocks and lstrip_blocks remove.
const CHATML: &str = "{{ bos_token }}
{%- for message in messages %}
    {%- set role = message['role'] %}
    {{- '<|im_start|>' + role + '\n' + message.content.strip() + '<|im_end|>\n' }}
    {% endfor %}
{% if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{% endif %}
";

#[test]
fn renders_a_conversation() {
	let messages = [
		message("system", "Be brief."),
		message("user", " Hi & <bye> "),
	];
	assert_eq!(
		render(CHATML, &messages, &RenderOptions::default()),
		// What Python's jinja2 writes for the same template and settings.
		"<s><|im_start|>system\nBe brief.<|im_end|>\n\n\
		 <|im_start|>user\nHi & <bye><|im_end|>\n\n<|im_start|>assistant\n\n"
	);
	let closed = RenderOptions {
		add_generation_prompt: false,
		now: None,
		allow_control_tokens: false,
	};
	assert!(render(CHATML, &messages[1..], &closed).ends_with("<bye><|im_end|>\n\n"));
}

#[test]
fn the_date_comes_from_the_caller_or_is_absent() {
	let source =
		"{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}none{% endif %}";
	let at = |now| {
		render(
			source,
			&[],
			&RenderOptions {
				now,
				..RenderOptions::default()
			},
		)
	};
	assert_eq!(at(None), "none");
	// `date -u -d @1753574400 +'%d %b %Y'`
	assert_eq!(at(Some(1_753_574_400)), "27 Jul 2025");
}

#[test]
fn json_is_written_as_python_does() {
	let source = "{{ messages[0] | tojson }}|{{ [1, 'é<'] | tojson(indent=2) }}";
	// json.dumps of the same values with ensure_ascii=False.
	assert_eq!(
		render(
			source,
			&[message("user", "a\"b")],
			&RenderOptions::default()
		),
		"{\"role\": \"user\", \"content\": \"a\\\"b\"}|[\n  1,\n  \"é<\"\n]"
	);
}

#[test]
fn python_methods_and_loop_controls_work() {
	let source = "{% for m in messages %}{% if m.role == 'tool' %}{% continue %}{% endif %}\
		{{ m.content.split(',')[1] | upper }}{{ m.get('name', '-') }}{% endfor %}";
	let messages = [
		message("user", "a,b"),
		message("tool", "c,d"),
		message("user", "e,f"),
	];
	assert_eq!(render(source, &messages, &RenderOptions::default()), "B-F-");
}

#[test]
fn a_refusal_is_told_in_the_templates_words() {
	let template = ChatTemplate::compile(
		"{% if messages | length > 1 %}{{ raise_exception('one at a time') }}{% endif %}".into(),
		BTreeMap::new(),
	)
	.unwrap();
	let messages = [message("user", "a"), message("user", "b")];
	match template.render(&messages, &RenderOptions::default()) {
		Err(TemplateError::Refused(reason)) => assert_eq!(reason, "one at a time"),
		other => panic!("{other:?}"),
	}
}

#[test]
fn a_template_cannot_run_or_write_without_end() {
	for source in [
		"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
		"{% for a in range(9000) %}{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' * 100 }}{% endfor %}",
	] {
		let template = ChatTemplate::compile(source.into(), BTreeMap::new()).unwrap();
		let error = template.render(&[], &RenderOptions::default()).unwrap_err();
		assert!(matches!(error, TemplateError::Render(_)), "{error}");
	}
	assert!(matches!(
		ChatTemplate::compile("{% if %}".into(), BTreeMap::new()),
		Err(TemplateError::Compile(_))
	));
}

#[test]
fn the_file_goes_before_the_configuration() {
	let directory = tempfile::tempdir().unwrap();
	let read = || {
		let config = crate::tokens::read(directory.path(), crate::Family::Llama).unwrap();
		let template = ChatTemplate::read(directory.path(), &config).unwrap()?;
		Some(template.render(&[], &RenderOptions::default()).unwrap())
	};
	assert_eq!(read(), None);
	let config = directory.path().join("tokenizer_config.json");
	fs::write(
		&config,
		r#"{"chat_template": [{"name": "tool_use", "template": "no"},
		{"name": "default", "template": "in config{{ eos_token }}"}],
		"eos_token": {"content": "</s>"}}"#,
	)
	.unwrap();
	assert_eq!(read().as_deref(), Some("in config</s>"));
	fs::write(
		&config,
		r#"{"chat_template": "plain{{ eos_token }}", "eos_token": "<e>"}"#,
	)
	.unwrap();
	assert_eq!(read().as_deref(), Some("plain<e>"));
	fs::write(
		directory.path().join("chat_template.jinja"),
		"in file{{ eos_token }}",
	)
	.unwrap();
	assert_eq!(read().as_deref(), Some("in file<e>"));
}

#[test]
fn a_template_of_what_is_not_there_is_refused_when_it_is_read() {
	let directory = tempfile::tempdir().unwrap();
	let read = |template: &str| {
		fs::write(directory.path().join("chat_template.jinja"), template).unwrap();
		let read = ChatTemplate::read(directory.path(), &Default::default());
		read.map(drop).map_err(|error| error.to_string())
	};
	for (template, part) in [
		("{{ messages | nope }}", "nope"),
		("{{ messages[0].content is nope }}", "nope"),
		("{{ nope() }}", "nope"),
		(
			"{% macro m() %}{{ 'a'.nope() }}{% endmacro %}{{ m() }}",
			"nope",
		),
		("{% nope %}", "nope"),
		("{% block b %}{{ 1 | nope }}{% endblock %}", "nope"),
	] {
		let message = read(template).unwrap_err();
		assert!(message.contains(part), "{message}");
		assert!(message.contains("chat_template.jinja"), "{message}");
	}
	for template in [
		"{{ raise_exception('a system message comes first') }}",
		"{% if messages | length > 1 %}{{ 1 | nope }}{% endif %}",
		"{{ messages[1].content }}",
		"{{ messages[1].content + 1 }}",
		"{{ strftime_now('%d %b %Y') }}",
	] {
		assert_eq!(read(template), Ok(()), "{template}");
	}
}

#[test]
fn texts_that_messages_format_end() {
	let template = "{{ messages[0].content.format(1) }}{{ messages[0].content % 1 }}";
	let template = ChatTemplate::compile(template.into(), BTreeMap::new()).unwrap();
	for text in [
		format!("{}{}", "{:".repeat(100_000), "}".repeat(100_000)),
		"{:99999999}".into(),
		"%99999999d".into(),
		"%*d".repeat(100_000),
	] {
		let messages = [message("user", &text)];
		let rendered = template.render(&messages, &RenderOptions::default());
		assert!(matches!(rendered, Err(TemplateError::Render(_))));
	}
}
