package natsembed_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool/natspool/natsembed"
)

func Example() {
	// With Dir instead of Memory the messages would survive the process.
	server, err := natsembed.Start(natsembed.Options{Memory: true})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Shutdown()

	conn, err := server.Connect()
	if err != nil {
		log.Print(err)
		return
	}
	defer conn.Close()

	js, err := jetstream.New(conn)
	if err != nil {
		log.Print(err)
		return
	}
	ctx := context.Background()
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "ORDERS", Subjects: []string{"orders.>"}, Storage: jetstream.MemoryStorage,
	}); err != nil {
		log.Print(err)
		return
	}
	ack, err := js.Publish(ctx, "orders.new", []byte("a chair"))
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Printf("stored as number %d of %s, listening on %q\n", ack.Sequence, ack.Stream, server.URL())
	// Output: stored as number 1 of ORDERS, listening on ""
}
