package advisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/feel-august/terraform-provider-august/internal/advise/statement"
	"github.com/feel-august/terraform-provider-august/internal/advise/statement/parser"
)

// Parser has a child process read SQL: the grammar takes a quarter of a gigabyte, which must not stay with what serves, and what may
// be wrong with it must not end what serves.
type Parser struct {
	Command []string      // the child's command line
	Within  time.Duration // of one call
}

// NewParser is one whose child is this executable again.
func NewParser() (*Parser, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable, to have it read statements: %w", err)
	}
	return &Parser{[]string{exe, "parse"}, time.Minute}, nil
}

// Parsed is what a statement was read as, or why it could not be.
type Parsed = parser.Parsed

// errGaveUp is of a statement that ended the child.
var errGaveUp = errors.New("the parser gave up on it")

// most children of one call: a statement that ends one is left out, and the next child goes on behind it.
const mostChildren = 4

// question and answer are lines of JSON.
type question struct {
	Text       string `json:"text"`
	Expression bool   `json:"expression,omitempty"`
	Literals   bool   `json:"literals,omitempty"`
}

type answer struct {
	Shape       *statement.Shape `json:"shape,omitempty"`
	Fingerprint string           `json:"fingerprint,omitempty"`
	Values      []literal        `json:"values,omitempty"`
	Expression  string           `json:"expression,omitempty"`
	Error       string           `json:"error,omitempty"`
	Done        bool             `json:"done,omitempty"` // the last one: the parser is still as it was at the beginning
}

// literal crosses the pipe between the two, and nothing else: a Value prints itself without its text.
type literal struct {
	Param int    `json:"param"`
	Text  string `json:"text"`
}

// Statements reads statements, and gives as many answers in their order.
func (p *Parser) Statements(ctx context.Context, texts []string) ([]Parsed, error) {
	return p.statements(ctx, texts, false)
}

// StatementsWithLiterals is Statements, and gives the literals that each had.
func (p *Parser) StatementsWithLiterals(ctx context.Context, texts []string) ([]Parsed, error) {
	return p.statements(ctx, texts, true)
}

func (p *Parser) statements(ctx context.Context, texts []string, literals bool) ([]Parsed, error) {
	questions := make([]question, len(texts))
	for i, t := range texts {
		questions[i] = question{Text: t, Literals: literals}
	}
	answers, err := p.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	all := make([]Parsed, len(answers))
	for i, a := range answers {
		all[i] = Parsed{Shape: a.Shape, Fingerprint: a.Fingerprint}
		for _, v := range a.Values {
			all[i].Values = append(all[i].Values, parser.Value(v))
		}
		switch {
		case a.Error != "":
			all[i].Err = errors.New(a.Error)
		case a.Shape == nil:
			all[i].Err = errGaveUp
		}
	}
	return all, nil
}

// Expressions gives expressions and predicates of indexes, as PostgreSQL prints them, the form that those of statements have; "" of
// one that cannot be read.
func (p *Parser) Expressions(ctx context.Context, texts []string) ([]string, error) {
	questions := make([]question, len(texts))
	for i, t := range texts {
		questions[i] = question{Text: t, Expression: true}
	}
	answers, err := p.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(answers))
	for i, a := range answers {
		all[i] = a.Expression
	}
	return all, nil
}

// ask gives an answer to each question; an empty one to what ended a child.
func (p *Parser) ask(ctx context.Context, questions []question) ([]answer, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.Within)
	defer cancel()
	var all []answer
	answers := 0
	for range mostChildren {
		got, done, err := p.child(ctx, questions[len(all):])
		switch {
		case err != nil:
			return nil, fmt.Errorf("read statements: %w", err)
		case done:
			return append(all, got...), nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("read %d statements: the process that reads them did not end within %s: %w", len(questions), p.Within, ctx.Err())
		case len(got) == len(questions)-len(all):
			return nil, errors.New("read statements: the parser was no longer itself at the end, and nothing that it has read is used")
		}
		answers += len(got)
		all = append(append(all, got...), answer{})
		if len(all) == len(questions) && answers > 0 {
			return all, nil
		}
		if len(all) == len(questions) {
			break
		}
	}
	return nil, fmt.Errorf("read %d statements: the process that reads them ended before it had answered, again and again", len(questions))
}

// child asks one process, which has nothing of this one's environment. Done tells that it has answered all and ended well.
func (p *Parser) child(ctx context.Context, questions []question) (got []answer, done bool, err error) {
	cmd := exec.CommandContext(ctx, p.Command[0], p.Command[1:]...)
	cmd.Env = []string{"GOMAXPROCS=1"} // and not two threads of a small instance
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, false, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, false, err
	}
	if err := cmd.Start(); err != nil { // its standard error goes nowhere: a panic of it may tell what it was reading
		return nil, false, fmt.Errorf("start the process that reads them: %w", err)
	}
	go func() {
		defer in.Close() //nolint:errcheck // the child sees the end of it either way
		w := bufio.NewWriter(in)
		e := json.NewEncoder(w)
		for _, q := range questions {
			if e.Encode(q) != nil {
				return
			}
		}
		_ = w.Flush()
	}()
	read := json.NewDecoder(out)
	for !done {
		var a answer
		if read.Decode(&a) != nil {
			break
		}
		if done = a.Done; !done {
			got = append(got, a)
		}
	}
	failed := cmd.Wait()
	return got[:min(len(got), len(questions))], done && len(got) == len(questions) && failed == nil, nil
}

// answered is told each question before it is answered: tests end the process there.
var answered = func(question) {}

// Answer is the child: it answers questions until there are no more.
func Answer(in io.Reader, out io.Writer) error {
	read, write := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q question
		switch err := read.Decode(&q); {
		case errors.Is(err, io.EOF):
			if err := parser.Sound(); err != nil {
				return err
			}
			return write.Encode(answer{Done: true})
		case err != nil:
			return errors.New("a question is not what the runtime asks") // the error itself might quote it
		}
		answered(q)
		if err := write.Encode(reply(q)); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

func reply(q question) (a answer) {
	var err error
	if q.Expression {
		if a.Expression, err = parser.Expression(q.Text); err != nil {
			a.Error = err.Error()
		}
		return a
	}
	shape, values, err := parser.Literals(q.Text)
	if err == nil && shape.Kind != statement.Utility {
		a.Fingerprint, err = parser.Fingerprint(q.Text)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	a.Shape = shape
	if q.Literals {
		for _, v := range values {
			a.Values = append(a.Values, literal(v))
		}
	}
	return a
}
