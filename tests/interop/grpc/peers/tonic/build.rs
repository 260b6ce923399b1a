fn main() {
    let protos = std::env::var("GRPC_PROTOS").unwrap_or_else(|_| "/usr/share/grpc-proto".to_string());
    let bench = "../../../../../bench/grpc";
    tonic_build::configure()
        .compile(&[format!("{}/grpc/testing/test.proto", protos), format!("{}/bench.proto", bench)], &[protos, bench.to_string()])
        .unwrap();
    println!("cargo:rerun-if-changed={}/bench.proto", bench);
}
