package natspool_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// certificate is one for the loopback address that vouches for itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// What a connection needs is passed through to the client library.
func TestTLSAndCredentials(t *testing.T) {
	cert, roots := certificate(t)
	s, err := natsembed.Start(natsembed.Options{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Username: "worker", Password: "secret",
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	defer s.Shutdown()
	trust := nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	join := func(opts ...nats.Option) (*natspool.Pool[int, int], error) {
		return natspool.New(soon(t), "test", double, natspool.WithURL(s.URL(), opts...))
	}
	for what, opts := range map[string][]nats.Option{
		"no trust":       {nats.UserInfo("worker", "secret")},
		"wrong password": {trust, nats.UserInfo("worker", "wrong")},
		"no password":    {trust},
	} {
		_, err := join(opts...)
		require.ErrorIs(t, err, natspool.ErrUnavailable, what)
		assert.NotContains(t, err.Error(), "secret")
	}
	p, err := join(trust, nats.UserInfo("worker", "secret"))
	require.NoError(t, err)
	defer p.Stop()
	v, err := p.Do(soon(t), 21)
	require.NoError(t, err)
	assert.Equal(t, 42, v)

	// In the process nobody is asked.
	q := newPool(t, s, double)
	v, err = q.Do(soon(t), 4)
	require.NoError(t, err)
	assert.Equal(t, 8, v)
	q.Stop()
}
