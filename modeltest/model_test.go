package modeltest

import (
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"

	"pgregory.net/rapid"
)

var modelPlans = flag.Int("model.plans", 20_000, "how many plans TestModel carries out in all")

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		n := *modelPlans
		if testing.Short() {
			n /= 10
		}
		if err := flag.Set("rapid.checks", fmt.Sprint(n/len(flavours))); err != nil {
			panic(err)
		}
	}
	// A panic that nobody is there to receive any more is logged.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestModel(t *testing.T) {
	for _, f := range flavours {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, property(t, f))
		})
	}
}

// property is that a plan can be carried out.
func property(t *testing.T, f flavour) func(*rapid.T) {
	return func(rt *rapid.T) {
		if err := carryOut(t, draw(rt, f)); err != nil {
			rt.Fatal(err)
		}
	}
}

// FuzzModel has plans drawn by what they reach in the code of the pool. The bits that a
// plan is drawn from are the input; too few of them are no plan, so the first ones are
// long.
func FuzzModel(f *testing.F) {
	everything := flavours[len(flavours)-1]
	for seed := range byte(32) {
		bits := make([]byte, 4096)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(bits)
		f.Add(bits)
	}
	f.Fuzz(func(t *testing.T, bits []byte) {
		rapid.MakeFuzz(property(t, everything))(t, bits)
	})
}
