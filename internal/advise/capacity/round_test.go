package capacity

import "testing"

func TestUp(t *testing.T) {
	t.Parallel()
	for from, to := range map[float64]float64{0: 0.01, 0.5: 0.5, 1: 1, 1.01: 1.12, 9.1: 10, 11.2: 11.2, 12.3: 12.5, 100: 100, 500: 500, 501: 560, 7100: 7100, 9999: 10000} {
		if got := up(from); got != to {
			t.Errorf("up(%g) = %v, want %v", from, got, to)
		}
	}
	for x := 0.01; x < 1e6; x *= 1.003 {
		if got := up(x); got < x*(1-1e-9) || got > x*1.15 || up(got) != got {
			t.Fatalf("up(%g) = %v, and again %v", x, got, up(got))
		}
	}
}
