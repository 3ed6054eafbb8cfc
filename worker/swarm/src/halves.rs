//! A stream whose halves may be polled by two tasks.
//!
//! A Yamux stream sends window updates while it is read, over the same bounded channel as the data
//! that is written to it, and the channel remembers only the task that asked last for room. With a
//! reader and a writer in two tasks the writer is never woken again once both sides have more than a
//! window in flight. Here both are woken by whatever would wake one.

use futures::{AsyncRead, AsyncWrite, task::AtomicWaker};
use std::{
	fmt, io,
	pin::Pin,
	sync::Arc,
	task::{Context, Poll, Wake, Waker},
};

/// See the module.
pub(crate) struct Halves<S> {
	stream: S,
	tasks: Arc<Tasks>,
	/// Wakes `tasks`.
	waker: Waker,
}

#[derive(Default)]
struct Tasks {
	reader: AtomicWaker,
	writer: AtomicWaker,
}

impl Wake for Tasks {
	fn wake(self: Arc<Self>) {
		self.wake_by_ref();
	}

	fn wake_by_ref(self: &Arc<Self>) {
		self.reader.wake();
		self.writer.wake();
	}
}

impl<S> Halves<S> {
	pub(crate) fn new(stream: S) -> Self {
		let tasks = Arc::<Tasks>::default();
		Self {
			stream,
			waker: Waker::from(tasks.clone()),
			tasks,
		}
	}
}

impl<S> fmt::Debug for Halves<S> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Halves").finish_non_exhaustive()
	}
}

impl<S: AsyncRead + Unpin> AsyncRead for Halves<S> {
	fn poll_read(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &mut [u8],
	) -> Poll<io::Result<usize>> {
		let this = &mut *self;
		this.tasks.reader.register(cx.waker());
		Pin::new(&mut this.stream).poll_read(&mut Context::from_waker(&this.waker), buf)
	}
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Halves<S> {
	fn poll_write(
		mut self: Pin<&mut Self>,
		cx: &mut Context<'_>,
		buf: &[u8],
	) -> Poll<io::Result<usize>> {
		let this = &mut *self;
		this.tasks.writer.register(cx.waker());
		Pin::new(&mut this.stream).poll_write(&mut Context::from_waker(&this.waker), buf)
	}

	fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		let this = &mut *self;
		this.tasks.writer.register(cx.waker());
		Pin::new(&mut this.stream).poll_flush(&mut Context::from_waker(&this.waker))
	}

	fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
		let this = &mut *self;
		this.tasks.writer.register(cx.waker());
		Pin::new(&mut this.stream).poll_close(&mut Context::from_waker(&this.waker))
	}
}
