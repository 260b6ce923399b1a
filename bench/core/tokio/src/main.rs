// The same rows with Tokio's current_thread runtime. usage: core_bench_tokio [row]; without one, prints the names.
// echo and tls_echo <certificate> <key> print the port on which they serve, until they are killed.
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use openssl::ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, Notify, Semaphore};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

const PAGE: f64 = 4096.0;

fn clock_ns(clock: libc::clockid_t) -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(clock, &mut t) };
    t.tv_sec as f64 * 1e9 + t.tv_nsec as f64
}

fn cpu_ns() -> f64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * PAGE
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

// Median CPU nanoseconds of an operation; the future runs once before to warm up.
fn median_ns<F: Future<Output = ()>>(operations: f64, rounds: usize, make: impl Fn() -> F) -> f64 {
    let mut times = Vec::new();
    for round in 0..=rounds {
        let start = cpu_ns();
        runtime().block_on(make());
        if round > 0 {
            times.push((cpu_ns() - start) / operations);
        }
    }
    times.sort_by(|a, b| a.partial_cmp(b).unwrap());
    times[times.len() / 2]
}

struct Random(u64);
impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

#[inline(never)]
fn opaque(x: i32) -> i32 {
    black_box(x)
}
async fn leaf(x: i32) -> i32 {
    opaque(x)
}

// An async function that calls itself must be boxed.
fn chain(depth: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(async move {
        if depth == 0 {
            0
        } else {
            chain(depth - 1).await + 1
        }
    })
}

async fn child(i: i32) -> i32 {
    yield_now().await;
    i
}

fn spawn_join(tasks: usize, times: usize) -> f64 {
    median_ns((tasks * times) as f64, 3, || async move {
        for _ in 0..times {
            let handles: Vec<_> = (0..tasks).map(|i| tokio::spawn(child(i as i32))).collect();
            for handle in handles {
                black_box(handle.await.unwrap());
            }
        }
    })
}

fn spawn_bytes(tasks: usize) -> f64 {
    runtime().block_on(async move {
        let before = resident_bytes();
        let handles: Vec<_> = (0..tasks).map(|i| tokio::spawn(child(i as i32))).collect();
        yield_now().await;
        let bytes = (resident_bytes() - before) / tasks as f64;
        for handle in handles {
            handle.await.unwrap();
        }
        bytes
    })
}

async fn wait_inner(event: Arc<Notify>) {
    event.notified().await
}
async fn wait_outer(event: Arc<Notify>) {
    wait_inner(event).await
}

fn idle_bytes(tasks: usize) -> f64 {
    runtime().block_on(async move {
        let event = Arc::new(Notify::new());
        let mut handles = Vec::new();
        handles.resize_with(tasks, || None);
        let before = resident_bytes();
        for handle in handles.iter_mut() {
            *handle = Some(tokio::spawn(wait_outer(event.clone())));
        }
        for _ in 0..tasks / 16 {
            yield_now().await;
        }
        let bytes = (resident_bytes() - before) / tasks as f64;
        event.notify_waiters();
        for handle in handles {
            handle.unwrap().await.unwrap();
        }
        bytes
    })
}

const SLEEPERS: usize = 100_000;

fn sleepers() -> f64 {
    median_ns(SLEEPERS as f64, 1, || async {
        let mut random = Random(1);
        let handles: Vec<_> =
            (0..SLEEPERS).map(|_| tokio::spawn(sleep(Duration::from_micros(random.below(1_000_000))))).collect();
        for handle in handles {
            handle.await.unwrap();
        }
    })
}

fn sleeper_bytes() -> f64 {
    runtime().block_on(async {
        let before = resident_bytes();
        let handles: Vec<_> = (0..SLEEPERS).map(|_| tokio::spawn(sleep(Duration::from_secs(1000)))).collect();
        for _ in 0..SLEEPERS / 16 {
            yield_now().await;
        }
        let bytes = (resident_bytes() - before) / SLEEPERS as f64;
        for handle in &handles {
            handle.abort();
        }
        bytes
    })
}

fn semaphore() -> f64 {
    const TASKS: usize = 1000;
    const TIMES: usize = 100;
    median_ns((TASKS * TIMES) as f64, 3, || async {
        let permits = Arc::new(Semaphore::new(10));
        let handles: Vec<_> = (0..TASKS)
            .map(|_| {
                let permits = permits.clone();
                tokio::spawn(async move {
                    for _ in 0..TIMES {
                        let _permit = permits.acquire().await.unwrap();
                        yield_now().await;
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    })
}

fn channel(capacity: usize) -> f64 {
    const ITEMS: i64 = 300_000;
    median_ns(ITEMS as f64, 3, || async move {
        let (sender, mut receiver) = mpsc::channel::<i64>(capacity);
        let producer = tokio::spawn(async move {
            for i in 0..ITEMS {
                sender.send(i).await.unwrap();
            }
        });
        // A task of its own: the future in block_on is woken in a dearer way.
        let consumer = tokio::spawn(async move {
            let mut sum = 0;
            while let Some(i) = receiver.recv().await {
                sum += i;
            }
            black_box(sum);
        });
        producer.await.unwrap();
        consumer.await.unwrap();
    })
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) {
    std::future::poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await
}

fn timer_arm_cancel() -> f64 {
    const TIMES: usize = 300_000;
    runtime().block_on(async {
        let mut random = Random(2);
        let mut outstanding = Vec::new();
        for _ in 0..100_000 {
            let mut timer = Box::pin(sleep(Duration::from_millis(1 + random.below(3_600_000))));
            poll_once(timer.as_mut()).await;
            outstanding.push(timer);
        }
        let mut times = Vec::new();
        for _ in 0..3 {
            let start = cpu_ns();
            for _ in 0..TIMES {
                let mut timer = std::pin::pin!(sleep(Duration::from_millis(20 + random.below(60_000))));
                poll_once(timer.as_mut()).await;
            }
            times.push((cpu_ns() - start) / TIMES as f64);
        }
        times.sort_by(|a, b| a.partial_cmp(b).unwrap());
        times[1]
    })
}

fn subprocess(clock: libc::clockid_t) -> f64 {
    const TIMES: usize = 300;
    runtime().block_on(async {
        let start = clock_ns(clock);
        for _ in 0..TIMES {
            let mut command = tokio::process::Command::new("/bin/true");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            assert!(command.status().await.unwrap().success());
        }
        (clock_ns(clock) - start) / TIMES as f64 / 1000.0
    })
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; 4096];
    while let Ok(n) = stream.read(&mut buffer).await {
        if n == 0 || stream.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
}

async fn serve(tls: Option<SslAcceptor>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        match &tls {
            None => tokio::spawn(echo(socket)),
            Some(acceptor) => {
                let ssl = Ssl::new(acceptor.context()).unwrap();
                tokio::spawn(async move {
                    let mut stream = tokio_openssl::SslStream::new(ssl, socket).unwrap();
                    if Pin::new(&mut stream).accept().await.is_ok() {
                        echo(stream).await;
                    }
                })
            }
        };
    }
}

fn acceptor(certificate: &str, key: &str) -> SslAcceptor {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    builder.set_private_key_file(key, SslFiletype::PEM).unwrap();
    builder.set_certificate_chain_file(certificate).unwrap();
    builder.build()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rows: Vec<(&str, fn() -> f64)> = vec![
        ("await_leaf", || {
            median_ns(2e6, 3, || async {
                for i in 0..2_000_000 {
                    black_box(leaf(i).await);
                }
            })
        }),
        ("await_chain", || {
            median_ns(50.0 * 20_000.0, 3, || async {
                for _ in 0..20_000 {
                    black_box(chain(50).await);
                }
            })
        }),
        ("yield", || {
            median_ns(3e5, 3, || async {
                tokio::spawn(async {
                    for _ in 0..300_000 {
                        yield_now().await;
                    }
                })
                .await
                .unwrap()
            })
        }),
        ("spawn_join_1000", || spawn_join(1000, 100)),
        ("spawn_join_1000000", || spawn_join(1_000_000, 1)),
        ("spawn_bytes_1000000", || spawn_bytes(1_000_000)),
        ("idle_bytes_100000", || idle_bytes(100_000)),
        ("idle_bytes_1000000", || idle_bytes(1_000_000)),
        ("sleepers_100000", sleepers),
        ("sleeper_bytes_100000", sleeper_bytes),
        ("semaphore", semaphore),
        ("channel_64", || channel(64)),
        ("channel_1", || channel(1)),
        ("timer_arm_cancel", timer_arm_cancel),
        ("timeout", || {
            median_ns(3e5, 3, || async {
                for i in 0..300_000 {
                    black_box(timeout(Duration::from_secs(10), leaf(i)).await.unwrap());
                }
            })
        }),
        ("subprocess", || subprocess(libc::CLOCK_PROCESS_CPUTIME_ID)),
        ("subprocess_wall", || subprocess(libc::CLOCK_MONOTONIC)),
    ];
    match args.get(1).map(String::as_str) {
        None => rows.iter().for_each(|(name, _)| println!("{name}")),
        Some("echo") => runtime().block_on(async { tokio::spawn(serve(None)).await.unwrap() }),
        Some("tls_echo") => {
            let tls = acceptor(&args[2], &args[3]);
            runtime().block_on(async { tokio::spawn(serve(Some(tls))).await.unwrap() })
        }
        Some(wanted) => match rows.iter().find(|(name, _)| *name == wanted) {
            Some((_, row)) => println!("{:.1}", row()),
            None => std::process::exit(2),
        },
    }
}
