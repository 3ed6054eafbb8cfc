//! What only a real connection shows.

use super::*;
use std::net::SocketAddr;
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
	sync::oneshot,
	task::JoinHandle,
};

struct Server {
	address: SocketAddr,
	stop: oneshot::Sender<()>,
	ended: JoinHandle<std::io::Result<()>>,
}

async fn start(app: &App) -> Server {
	start_with(app, 64).await
}

async fn start_with(app: &App, connections: usize) -> Server {
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	let (stop, stopped) = oneshot::channel::<()>();
	let serving = infergrid_gateway::serve(listener, app.router.clone(), connections, async move {
		stopped.await.ok();
	});
	Server {
		address,
		stop,
		ended: tokio::spawn(serving),
	}
}

impl Server {
	async fn post(&self, body: &Value) -> TcpStream {
		let body = body.to_string();
		let mut stream = TcpStream::connect(self.address).await.unwrap();
		let head = format!(
			"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
			body.len()
		);
		stream.write_all(head.as_bytes()).await.unwrap();
		stream.write_all(body.as_bytes()).await.unwrap();
		stream
	}
}

async fn running(app: &App, count: usize) {
	let wait = async {
		while app.seen.running.load(Ordering::SeqCst) != count {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
	};
	tokio::time::timeout(Duration::from_secs(5), wait)
		.await
		.expect("orders in progress");
}

#[tokio::test]
async fn hanging_up_stops_listening_streamed_or_not() {
	let app = App::new();
	let server = start(&app).await;
	for stream in [false, true] {
		let connection = server.post(&ask("!hang", json!({"stream": stream}))).await;
		running(&app, 1).await;
		drop(connection);
		running(&app, 0).await;
	}
}

#[tokio::test]
async fn stopping_lets_an_answer_finish() {
	let app = App::new();
	let server = start(&app).await;
	let mut connection = server.post(&ask("!slow", json!({"max_tokens": 20}))).await;
	running(&app, 1).await;
	server.stop.send(()).unwrap();
	let mut reply = String::new();
	connection.read_to_string(&mut reply).await.unwrap();
	assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
	assert!(reply.contains("\"finish_reason\":\"length\""), "{reply}");
	tokio::time::timeout(Duration::from_secs(5), server.ended)
		.await
		.unwrap()
		.unwrap()
		.unwrap();
	assert!(
		TcpStream::connect(server.address).await.is_err(),
		"the port is free"
	);
}

/// A head that never ends holds no connection for ever, and others are served meanwhile.
#[tokio::test]
async fn a_half_sent_head_is_cut_off() {
	let app = App::new();
	let server = start(&app).await;
	let mut slow = TcpStream::connect(server.address).await.unwrap();
	slow.write_all(b"GET /livez HTTP/1.1\r\nhost: loc")
		.await
		.unwrap();
	let mut quick = TcpStream::connect(server.address).await.unwrap();
	let head = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
	quick.write_all(head).await.unwrap();
	let mut reply = String::new();
	quick.read_to_string(&mut reply).await.unwrap();
	assert!(reply.ends_with("alive"), "{reply}");
	let mut rest = Vec::new();
	tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut rest))
		.await
		.expect("the connection is cut off")
		.ok();
}

/// Connections that say nothing, or half of a head, or half of a body, keep nobody out.
#[tokio::test]
async fn silent_connections_keep_nobody_out() {
	let app = App::new();
	let server = start_with(&app, 8).await;
	let mut silent = Vec::new();
	for i in 0..120 {
		let mut stream = TcpStream::connect(server.address).await.unwrap();
		let said = match i % 3 {
			0 => "",
			1 => "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n",
			_ => {
				"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
				 content-length: 100\r\n\r\n{"
			}
		};
		stream.write_all(said.as_bytes()).await.ok();
		silent.push(stream);
		if i % 40 == 39 {
			let mut connection = server.post(&ask("here", json!({}))).await;
			let mut reply = String::new();
			tokio::time::timeout(
				Duration::from_secs(5),
				connection.read_to_string(&mut reply),
			)
			.await
			.expect("an answer")
			.unwrap();
			assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
			assert!(reply.contains("content-length"), "{reply}");
		}
	}
}
