//! tonic as interop client and server (the official flags; --test_case takes a list), and its part of bench/grpc:
//!
//!     tonic_interop server --port=0 | client --server_host=… --server_port=… --test_case=a,b
//!     tonic_interop bench server | bench client PORT CASE SECONDS
mod bench;
mod client;
mod server;

pub mod testing {
    tonic::include_proto!("grpc.testing");
}

use std::collections::HashMap;

pub const INITIAL: &str = "x-grpc-test-echo-initial";
pub const TRAILING: &str = "x-grpc-test-echo-trailing-bin";

pub type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let flags: HashMap<String, String> = words
        .iter()
        .filter_map(|word| word.strip_prefix("--")?.split_once('='))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    match words[0].as_str() {
        "server" => server::serve(&flags).await,
        "client" => std::process::exit(client::run(&flags).await?),
        _ if words[1] == "server" => bench::serve().await,
        _ => bench::client(&words[2], &words[3], words[4].parse()?).await,
    }
}
