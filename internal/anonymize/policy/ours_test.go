package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// What is known of our own tables is of columns that there are: a migration that renames one would otherwise leave it to its
// name and type.
func TestOurs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../sync/store/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations, %v", err)
	}
	columns := map[Cell]bool{}
	created := regexp.MustCompile(`(?ms)^create table (\w+\.\w+) \((.*?)^\);`)
	column := regexp.MustCompile(`(?m)^    "?(\w+)"? `)
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range created.FindAllStringSubmatch(string(sql), -1) {
			columns[Cell{table[1], ""}] = true
			for _, name := range column.FindAllStringSubmatch(table[2], -1) {
				columns[Cell{table[1], name[1]}] = true
			}
		}
	}
	k := ours()
	for at := range k.rules {
		if !columns[at] {
			t.Errorf("there is no column %s", at)
		}
	}
	for _, r := range k.references {
		if !columns[Cell{r.Table, r.Column}] || !columns[Cell{r.To, r.ToCol}] {
			t.Errorf("there is no column of %+v", r)
		}
	}
	for path := range k.exclude {
		if path != "august.*" && !columns[Cell{path, ""}] {
			t.Errorf("there is no table %s", path)
		}
	}
}
