package natsembed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	natsserver "github.com/nats-io/nats-server/v2/server"
)

// lockName is the file in Dir that is locked while a server uses it. It stays
// there: to remove it would let two servers lock two different files.
const lockName = "natsembed.lock"

// A storage is a directory that nobody else uses.
type storage struct {
	dir  string
	lock *flock.Flock // nil: dir is temporary
}

// openStorage creates dir and locks it, or makes a temporary directory if dir is
// empty.
func openStorage(dir string) (*storage, error) {
	if dir == "" {
		temp, err := os.MkdirTemp("", "natsembed-")
		if err != nil {
			return nil, fmt.Errorf("natsembed: creating a temporary directory: %w", err)
		}
		return &storage{dir: temp}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("natsembed: creating directory %q: %w", dir, err)
	}
	st := &storage{
		dir:  dir,
		lock: flock.New(filepath.Join(dir, lockName), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600)),
	}
	locked, err := st.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("natsembed: locking directory %q: %w", dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w: %q", ErrInUse, dir)
	}
	if err := st.protect(); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

// protect creates the directory of the streams for this user only. Dir itself
// may belong to something else too, so it stays as it is.
func (st *storage) protect() error {
	streams := filepath.Join(st.dir, natsserver.JetStreamStoreDir)
	err := os.MkdirAll(streams, 0o700)
	if err == nil {
		err = os.Chmod(streams, 0o700)
	}
	if err != nil {
		return fmt.Errorf("natsembed: protecting directory %q: %w", streams, err)
	}
	return nil
}

func (st *storage) close() error {
	if st.lock == nil {
		if err := os.RemoveAll(st.dir); err != nil {
			return fmt.Errorf("natsembed: removing the temporary directory %q: %w", st.dir, err)
		}
		return nil
	}
	if err := st.lock.Close(); err != nil {
		return fmt.Errorf("natsembed: unlocking directory %q: %w", st.dir, err)
	}
	return nil
}
