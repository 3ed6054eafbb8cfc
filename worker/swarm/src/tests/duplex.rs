//! More than a window in flight in both directions of one stream.

use super::*;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Many times a window of 256 KiB, and more than the buffers of the sockets below.
const BYTES: usize = 16 << 20;

/// Writes as much as it reads, at once.
struct Mirror {
	apart: bool,
}

async fn write_all(writer: &mut (impl AsyncWrite + Unpin)) {
	let chunk = vec![7; 100_000];
	let mut left = BYTES;
	while left > 0 {
		let n = left.min(chunk.len());
		writer.write_all(&chunk[..n]).await.unwrap();
		left -= n;
	}
	writer.flush().await.unwrap();
}

async fn read_all(reader: &mut (impl AsyncRead + Unpin)) {
	let mut buffer = vec![0; 30_000];
	let mut left = BYTES;
	while left > 0 {
		left -= match reader.read(&mut buffer).await.unwrap() {
			0 => panic!("{left} bytes are missing"),
			n => n,
		};
	}
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, apart: bool) {
	let (mut reader, mut writer) = stream.split();
	if apart {
		let writing = tokio::spawn(async move {
			write_all(&mut writer).await;
			writer
		});
		read_all(&mut reader).await;
		writing.await.unwrap();
	} else {
		tokio::join!(write_all(&mut writer), read_all(&mut reader));
	}
}

#[async_trait]
impl Handler for Mirror {
	fn name(&self) -> &'static str {
		"mirror"
	}

	async fn serve(&self, stream: Inbound) {
		exchange(stream, self.apart).await;
	}

	async fn shutdown(&self) {}
}

async fn both_ways(apart: bool) {
	let (handle, swarm) = Swarm::builder(config(1, &["/ip4/127.0.0.1/tcp/0"]))
		.accept(Mirror { apart })
		.start()
		.await
		.unwrap();
	let server = Node { handle, swarm };
	let caller = client(config(2, &[])).await;
	for _ in 0..3 {
		let stream = caller
			.handle
			.open(&server.address(), "mirror")
			.await
			.unwrap();
		timeout(Duration::from_secs(20), exchange(stream, apart))
			.await
			.expect("both sides wait for each other");
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_send_more_than_a_window_at_once() {
	both_ways(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_halves_of_a_stream_may_be_used_by_two_tasks() {
	both_ways(true).await;
}
