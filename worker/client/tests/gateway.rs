//! What a client makes of the bytes that a gateway sends.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_client::{Answered, Client, ClientError, Question, Turn};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpListener,
};

/// Asks a gateway that answers with `response` and hangs up. Gives the text told on the way, too.
async fn ask(response: String) -> (Result<Answered, ClientError>, String) {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let url = format!("http://{}/v1", listener.local_addr().unwrap());
	let gateway = tokio::spawn(async move {
		let (mut stream, _) = listener.accept().await.unwrap();
		let mut asked = Vec::new();
		// The request's body is the JSON object that ends it.
		while !asked.ends_with(b"}") {
			stream.read_buf(&mut asked).await.unwrap();
		}
		stream.write_all(response.as_bytes()).await.unwrap();
	});
	let turns = [Turn {
		role: "user",
		content: "hello".into(),
	}];
	let question = Question {
		model: "m",
		turns: &turns,
		max_tokens: Some(4),
		temperature: None,
	};
	let mut told = String::new();
	let client = Client::new(&url, None).unwrap();
	let answered = client.ask(&question, |text| told.push_str(text)).await;
	gateway.await.unwrap();
	(answered, told)
}

/// A response whose body ends with the connection.
fn response(status: &str, body: &str) -> String {
	format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}")
}

const HELLO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"good\"}}]}\n\n\
	data: {\"choices\":[{\"delta\":{\"content\":\" day\"}}],\"infergrid\":{\"task\":7}}\n\n";

#[tokio::test]
async fn text_comes_on_the_way_and_the_receipt_with_the_whole() {
	let (answered, told) = ask(response("200 OK", &format!("{HELLO}data: [DONE]\n\n"))).await;
	let answered = answered.unwrap();
	assert_eq!(
		(answered.text.as_str(), told.as_str()),
		("good day", "good day")
	);
	assert_eq!(answered.receipt["task"], 7);
}

#[tokio::test]
async fn an_answer_without_its_end_is_none() {
	let (answered, told) = ask(response("200 OK", HELLO)).await;
	assert!(matches!(answered, Err(ClientError::Unfinished)));
	assert_eq!(told, "good day");
	let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{HELLO}");
	assert!(matches!(ask(cut).await.0, Err(ClientError::BrokenOff(_))));
}

#[tokio::test]
async fn a_refusal_says_why_before_the_answer_and_in_it() {
	let refusal = r#"{"error":{"message":"too many orders"}}"#;
	let (answered, _) = ask(response("503 Service Unavailable", refusal)).await;
	assert_eq!(
		answered.unwrap_err().to_string(),
		"the gateway answered 503 Service Unavailable: too many orders"
	);
	let event = format!("{HELLO}data: {refusal}\n\n");
	let (answered, _) = ask(response("200 OK", &event)).await;
	assert_eq!(answered.unwrap_err().to_string(), "too many orders");
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
	let client = Client::new("http://127.0.0.1:1", None).unwrap();
	let error = client.models().await.unwrap_err();
	assert!(matches!(&error, ClientError::Unreachable { url, .. } if url == "http://127.0.0.1:1"));
}
