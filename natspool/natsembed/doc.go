// Package natsembed runs a NATS JetStream server inside the process, so that
// durable queues need no installation.
//
// [Start] starts a server, [Server.Connect] connects to it over a pipe in
// memory, and [Server.Shutdown] takes it down. The same server can stand alone,
// serve other processes, or be one of a cluster.
//
// # What is reachable
//
// A server listens on nothing unless [Options].Listen or [Options].Cluster says
// so, and on the loopback interface unless they name another host. On any other
// host it has to know whom it lets in, or Start fails: by a password, by a token
// or by TLS that demands certificates of clients. [Options].AllowInsecure is for
// networks that keep strangers out by other means.
//
// # What survives
//
// What the server has acknowledged survives the end of the process, also by
// kill -9. The end of the machine is another matter: written data is forced to
// disk every [Options].SyncEvery, one second unless told otherwise, so up to that
// much of what was acknowledged may be gone after a power failure. With
// [Options].SyncAlways nothing is acknowledged before it is on disk. In a cluster
// a replicated stream survives the loss of a minority of its servers.
//
// Two servers that write to one directory would destroy each other's data. Start
// therefore takes a lock on the directory, which the operating system releases
// when the process ends in whatever way.
//
// The package links the whole server. Programs that only connect to a server do
// not need it.
package natsembed
