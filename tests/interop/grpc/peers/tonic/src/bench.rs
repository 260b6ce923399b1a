//! tonic's part of bench/grpc: see bench_case.hpp there.
use crate::Error;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::Stream;
use tonic::transport::Endpoint;
use tonic::{Request, Response, Status, Streaming};

mod pb {
    tonic::include_proto!("bench");
}
use pb::bench_client::BenchClient;
use pb::bench_server::{Bench, BenchServer};

struct Service;

#[tonic::async_trait]
impl Bench for Service {
    async fn unary(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> {
        Ok(Response::new(request.into_inner()))
    }
    type DownStream = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Status>> + Send>>;
    async fn down(&self, request: Request<Vec<u8>>) -> Result<Response<Self::DownStream>, Status> {
        let message = request.into_inner();
        let messages = std::iter::repeat_with(move || Ok(message.clone()));
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }
    type ChatStream = Streaming<Vec<u8>>;
    async fn chat(&self, request: Request<Streaming<Vec<u8>>>) -> Result<Response<Self::ChatStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

pub async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port {}", listener.local_addr()?.port());
    tonic::transport::Server::builder()
        .max_concurrent_streams(20000)
        .tcp_nodelay(true)
        .add_service(BenchServer::new(Service))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

struct Case {
    seconds: f64,
    warm_until: Instant,
    start: Option<Instant>,
    over: bool,
    operations: usize,
    latencies: Vec<f64>,
}

impl Case {
    fn count(&mut self, began: Instant, n: usize) -> bool {
        let now = Instant::now();
        let start = match self.start {
            Some(start) => start,
            None => {
                if now >= self.warm_until {
                    println!("begin");
                    self.start = Some(Instant::now());
                }
                return true;
            }
        };
        self.operations += n;
        self.latencies.push((now - began).as_secs_f64());
        if (now - start).as_secs_f64() < self.seconds {
            return true;
        }
        if !self.over {
            self.over = true;
            self.latencies.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let middle = self.latencies[self.latencies.len() / 2];
            println!("end {} {} {:.1}", self.operations, (now - start).as_secs_f64(), middle * 1e6);
        }
        false
    }
}

async fn end_of_input() {
    let mut byte = [0];
    while tokio::io::stdin().read(&mut byte).await.unwrap_or(0) > 0 {}
}

pub async fn client(port: &str, name: &str, seconds: f64) -> Result<(), Error> {
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{}", port))?.tcp_nodelay(true).connect().await?;
    let mut client = BenchClient::new(channel);
    let message = vec![b'x'; if name == "large100" { 16381 } else { 14 }];
    let one = Rc::new(RefCell::new(Case {
        seconds,
        warm_until: Instant::now() + Duration::from_millis(300),
        start: None,
        over: false,
        operations: 0,
        latencies: Vec::new(),
    }));
    match name {
        "unary" | "unary100" | "large100" => {
            let local = tokio::task::LocalSet::new();
            for _ in 0..if name == "unary" { 1 } else { 100 } {
                let (mut client, message, one) = (client.clone(), message.clone(), one.clone());
                local.spawn_local(async move {
                    loop {
                        let began = Instant::now();
                        client.unary(message.clone()).await.unwrap();
                        let mut one = one.borrow_mut();
                        if one.over || !one.count(began, 1) {
                            return;
                        }
                    }
                });
            }
            local.await;
        }
        "stream" => {
            let mut messages = client.down(message).await?.into_inner();
            loop {
                let began = Instant::now();
                for _ in 0..64 {
                    messages.message().await?.unwrap();
                }
                if !one.borrow_mut().count(began, 64) {
                    break;
                }
            }
        }
        "idle" => {
            println!("begin");
            let mut streams = Vec::new();
            for _ in 0..10000 {
                let (to, from) = mpsc::channel(1);
                to.send(message.clone()).await?;
                let mut replies = client.chat(ReceiverStream::new(from)).await?.into_inner();
                replies.message().await?.unwrap();
                streams.push((to, replies));
            }
            println!("end 10000 1 0");
            end_of_input().await;
            drop(streams);
        }
        _ => {
            let (to, from) = mpsc::channel(1);
            to.send(message.clone()).await?;
            let mut replies = client.chat(ReceiverStream::new(from)).await?.into_inner();
            let mut began = Instant::now();
            loop {
                replies.message().await?.unwrap();
                if !one.borrow_mut().count(began, 1) {
                    break;
                }
                began = Instant::now();
                to.send(message.clone()).await?;
            }
        }
    }
    end_of_input().await;
    Ok(())
}
