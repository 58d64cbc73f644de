package drill

import (
	"context"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"
)

// A drill that is killed half-way leaves its clone behind, and whoever drills next has to tell it from the clone of a
// drill that is running elsewhere. So the name of a clone says whose it is, and until when it may be in use:
//
//	{instance}-drill-{owner, 4}{end of its use in seconds, base 36, 6}{check, 2}
//
// An owner runs one drill at a time, so all clones that it finds of its own are left over. Those of others are once their
// time is over. The check keeps an instance that somebody has named alike out of it.
const (
	infix        = "-drill-"
	ownerLength  = 4
	endLength    = 6
	checkLength  = 2
	suffixLength = len(infix) + ownerLength + endLength + checkLength

	longestName = 98 // of project and instance with a colon between them
)

// NewOwner names somebody who runs drills, one at a time.
func NewOwner() string { return letters(ownerLength) }

func cloneName(instance, owner string, end time.Time) string {
	body := owner + base36(end.Unix(), endLength)
	return instance + infix + body + check(instance, body)
}

// parseClone takes the name of a clone of the instance apart.
func parseClone(instance, name string) (owner string, end time.Time, ok bool) {
	body, ok := strings.CutPrefix(name, instance+infix)
	if !ok || len(body) != ownerLength+endLength+checkLength {
		return "", end, false
	}
	body, sum := body[:ownerLength+endLength], body[ownerLength+endLength:]
	seconds, err := strconv.ParseInt(body[ownerLength:], 36, 64)
	if err != nil || sum != check(instance, body) {
		return "", end, false
	}
	return body[:ownerLength], time.Unix(seconds, 0), true
}

func check(instance, body string) string {
	return base36(int64(crc32.ChecksumIEEE([]byte(instance+infix+body))%(36*36)), checkLength)
}

func base36(n int64, width int) string {
	s := strconv.FormatInt(n, 36)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

// grace is added to the end of a clone's use: the clocks of two machines differ, and its drill still has to remove it.
const grace = 5 * time.Minute

// Sweep deletes the clones that drills have left behind. It returns the names of those that may be in use, with the time
// until when, in sentences.
func (d Drill) Sweep(ctx context.Context) (inUse []string, err error) {
	found, err := d.SQL.WithPrefix(ctx, d.Project, d.Instance+infix)
	if err != nil {
		return nil, err
	}
	for _, instance := range found {
		owner, end, ok := parseClone(d.Instance, instance.Name)
		if !ok {
			continue
		}
		if free := end.Add(d.Pace.orStandard().CleanUp + grace); owner != d.Owner && time.Now().Before(free) {
			inUse = append(inUse, fmt.Sprintf("The instance %s is the clone of another drill, which may be running until %s; a drill after that removes it. "+
				"If none is running, delete it: it costs as much as any instance.", instance.Name, free.UTC().Format(time.RFC3339)))
			continue
		}
		d.tell("deleting the clone of a drill that did not end", map[string]any{"clone": instance.Name})
		if err := d.SQL.Delete(ctx, d.Project, instance.Name, d.waiting); err != nil {
			return inUse, err
		}
	}
	return inUse, nil
}

// deadline is until when the drill may use what it makes.
func (d Drill) deadline(ctx context.Context) time.Time {
	if end, ok := ctx.Deadline(); ok {
		return end
	}
	return time.Now().Add(24 * time.Hour)
}
