package natsembed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// An authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	ca := &authority{pool: x509.NewCertPool()}
	ca.cert, ca.key = ca.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	})
	ca.pool.AddCert(ca.cert)
	return ca
}

func (ca *authority) sign(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := ca.cert, ca.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

func (ca *authority) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	cert, key := ca.sign(t, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// server is for a server that lets in everybody.
func (ca *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{ca.certificate(t)}}
}

// mutual is for both sides of a connection on which both have to prove who they
// are.
func (ca *authority) mutual(t *testing.T) *tls.Config {
	t.Helper()
	c := ca.server(t)
	c.RootCAs, c.ClientCAs, c.ClientAuth = ca.pool, ca.pool, tls.RequireAndVerifyClientCert
	return c
}

func roundTrip(t *testing.T, nc *nats.Conn) {
	t.Helper()
	sub, err := nc.SubscribeSync("echo")
	require.NoError(t, err)
	require.NoError(t, nc.Publish("echo", []byte("hello")))
	msg, err := sub.NextMsg(patience)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(msg.Data))
	require.NoError(t, sub.Unsubscribe())
}

func accepted(t *testing.T, url string, opts ...nats.Option) {
	t.Helper()
	nc, err := nats.Connect(url, opts...)
	require.NoError(t, err)
	defer nc.Close()
	roundTrip(t, nc)
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	s := startServer(t, Options{Memory: true, Listen: ":0", TLS: ca.server(t)})
	require.True(t, strings.HasPrefix(s.URL(), "tls://127.0.0.1:"), s.URL())

	var unknown x509.UnknownAuthorityError
	_, err := nats.Connect(s.URL())
	require.ErrorAs(t, err, &unknown, "a client without the authority's certificate")
	accepted(t, s.URL(), nats.Secure(&tls.Config{RootCAs: ca.pool}))
	roundTrip(t, connect(t, s))
}

func TestMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	s := startServer(t, Options{Memory: true, Listen: ":0", TLS: ca.mutual(t)})
	_, err := nats.Connect(s.URL(), nats.Secure(&tls.Config{RootCAs: ca.pool}))
	require.Error(t, err, "a client without a certificate")
	_, err = nats.Connect(s.URL(), nats.Secure(&tls.Config{
		RootCAs: ca.pool, Certificates: newAuthority(t).server(t).Certificates,
	}))
	require.Error(t, err, "a client with another authority's certificate")
	accepted(t, s.URL(), nats.Secure(ca.mutual(t)))
	roundTrip(t, connect(t, s))
}

// The server must not change what the caller may use elsewhere too.
func TestTLSConfigIsCopied(t *testing.T) {
	c := newAuthority(t).server(t)
	s := startServer(t, Options{Memory: true, Listen: ":0", TLS: c})
	c.Certificates = nil
	_, err := nats.Connect(s.URL())
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

func hash(t *testing.T, secret string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	require.NoError(t, err)
	return string(h)
}

func TestPassword(t *testing.T) {
	for name, password := range map[string]string{"clear": "right", "hash": hash(t, "right")} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			s := startServer(t, Options{
				Memory: true, Listen: ":0", Username: "worker", Password: password, Logger: log.logger(),
			})
			for name, opt := range map[string]nats.Option{
				"none":           nats.Name("stranger"),
				"wrong password": nats.UserInfo("worker", "wrong"),
				"wrong user":     nats.UserInfo("other", "right"),
				"empty":          nats.UserInfo("", ""),
				"token":          nats.Token("right"),
				"in process":     nats.UserInfo(s.id.username, s.id.password),
			} {
				_, err := nats.Connect(s.URL(), opt)
				require.ErrorIs(t, err, nats.ErrAuthorization, name)
			}
			accepted(t, s.URL(), nats.UserInfo("worker", "right"))
			roundTrip(t, connect(t, s))
			assert.NotContains(t, s.URL(), "right")
			assert.NotContains(t, log.String(), "right")
			assert.NotContains(t, log.String(), plaintextWarning)
		})
	}
}

func TestToken(t *testing.T) {
	for name, token := range map[string]string{"clear": "right", "hash": hash(t, "right")} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, Options{Memory: true, Listen: ":0", Token: token})
			for name, opt := range map[string]nats.Option{
				"none":       nats.Name("stranger"),
				"wrong":      nats.Token("wrong"),
				"user":       nats.UserInfo("right", "right"),
				"in process": nats.UserInfo(s.id.username, s.id.password),
			} {
				_, err := nats.Connect(s.URL(), opt)
				require.ErrorIs(t, err, nats.ErrAuthorization, name)
			}
			accepted(t, s.URL(), nats.Token("right"))
			roundTrip(t, connect(t, s))
		})
	}
}

func TestPasswordWithTLS(t *testing.T) {
	ca := newAuthority(t)
	s := startServer(t, Options{Memory: true, Listen: ":0", TLS: ca.server(t), Username: "u", Password: "p"})
	trust := nats.Secure(&tls.Config{RootCAs: ca.pool})
	_, err := nats.Connect(s.URL(), trust)
	require.ErrorIs(t, err, nats.ErrAuthorization)
	accepted(t, s.URL(), trust, nats.UserInfo("u", "p"))
	roundTrip(t, connect(t, s))
}
