// Go's part of bench/grpc: started as bench_case.hpp there says.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type bench struct{}

func unary(_ interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	request := new(wrapperspb.BytesValue)
	if err := decode(request); err != nil {
		return nil, err
	}
	return request, nil
}

func down(_ interface{}, stream grpc.ServerStream) error {
	request := new(wrapperspb.BytesValue)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	for {
		if err := stream.SendMsg(request); err != nil {
			return err
		}
	}
}

func chat(_ interface{}, stream grpc.ServerStream) error {
	for {
		request := new(wrapperspb.BytesValue)
		if err := stream.RecvMsg(request); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if err := stream.SendMsg(request); err != nil {
			return err
		}
	}
}

var service = grpc.ServiceDesc{
	ServiceName: "bench.Bench",
	HandlerType: (*interface{})(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Down", Handler: down, ServerStreams: true},
		{StreamName: "Chat", Handler: chat, ServerStreams: true, ClientStreams: true},
	},
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer()
	server.RegisterService(&service, bench{})
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	check(server.Serve(listener))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type oneCase struct {
	mutex      sync.Mutex
	seconds    float64
	warmUntil  time.Time
	start      time.Time
	begun      bool
	over       bool
	operations int
	latencies  []float64
	finished   chan struct{}
}

func (c *oneCase) count(began time.Time, n int) bool {
	now := time.Now()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.over {
		return false
	}
	if !c.begun {
		if now.After(c.warmUntil) {
			fmt.Println("begin")
			c.begun = true
			c.start = time.Now()
		}
		return true
	}
	c.operations += n
	c.latencies = append(c.latencies, now.Sub(began).Seconds())
	if now.Sub(c.start).Seconds() < c.seconds {
		return true
	}
	c.over = true
	sort.Float64s(c.latencies)
	fmt.Printf("end %d %f %.1f\n", c.operations, now.Sub(c.start).Seconds(), c.latencies[len(c.latencies)/2]*1e6)
	close(c.finished)
	return false
}

func client(port, name string, seconds float64) {
	connection, err := grpc.Dial("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithBlock())
	check(err)
	size := 14
	if name == "large100" {
		size = 16381
	}
	value := make([]byte, size)
	for i := range value {
		value[i] = 'x'
	}
	request := &wrapperspb.BytesValue{Value: value}
	ctx := context.Background()
	c := &oneCase{seconds: seconds, warmUntil: time.Now().Add(300 * time.Millisecond), finished: make(chan struct{})}
	openChat := func() grpc.ClientStream {
		stream, err := connection.NewStream(ctx, &service.Streams[1], "/bench.Bench/Chat")
		check(err)
		return stream
	}
	exchange := func(stream grpc.ClientStream) {
		check(stream.SendMsg(request))
		check(stream.RecvMsg(new(wrapperspb.BytesValue)))
	}
	switch name {
	case "unary", "unary100", "large100":
		workers := 100
		if name == "unary" {
			workers = 1
		}
		for i := 0; i < workers; i++ {
			go func() {
				for {
					began := time.Now()
					check(connection.Invoke(ctx, "/bench.Bench/Unary", request, new(wrapperspb.BytesValue)))
					if !c.count(began, 1) {
						return
					}
				}
			}()
		}
		<-c.finished
	case "stream":
		stream, err := connection.NewStream(ctx, &service.Streams[0], "/bench.Bench/Down")
		check(err)
		check(stream.SendMsg(request))
		check(stream.CloseSend())
		for {
			began := time.Now()
			for i := 0; i < 64; i++ {
				check(stream.RecvMsg(new(wrapperspb.BytesValue)))
			}
			if !c.count(began, 64) {
				break
			}
		}
	case "idle":
		fmt.Println("begin")
		streams := make([]grpc.ClientStream, 0, 10000)
		for i := 0; i < 10000; i++ {
			stream := openChat()
			exchange(stream)
			streams = append(streams, stream)
		}
		fmt.Println("end 10000 1 0")
		bufio.NewReader(os.Stdin).ReadByte()
		_ = streams[0]
	default:
		stream := openChat()
		for {
			began := time.Now()
			exchange(stream)
			if !c.count(began, 1) {
				break
			}
		}
	}
	bufio.NewReader(os.Stdin).ReadByte()
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "server" {
		serve()
		return
	}
	seconds, err := strconv.ParseFloat(os.Args[4], 64)
	check(err)
	client(os.Args[2], os.Args[3], seconds)
}
