package image

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"runtime/debug"
)

// Runtime is what a runtime binary says of itself.
type Runtime struct {
	// Version is the release that the linker was told, else that of the module; "devel" when there is none.
	Version string
	// Revision is the commit that it was built from, or empty when that is not known.
	Revision string
	// Go is the release of Go that compiled it, such as "go1.26.0".
	Go string

	modules []*debug.Module
}

// BinaryError says why a file cannot be the runtime of an image.
type BinaryError struct {
	// Reason completes "the runtime binary …".
	Reason string
}

// Error implements error.
func (e *BinaryError) Error() string { return "the runtime binary " + e.Reason }

// Check reads what a runtime binary is, or says why it would not run on Cloud Run: the image has no
// dynamic loader, no libraries and no shell, so nothing but a static executable starts.
func Check(binary []byte) (*Runtime, error) {
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return nil, &BinaryError{"is not a Linux executable (ELF)"}
	}
	defer func() { _ = file.Close() }()
	switch {
	case file.Class != elf.ELFCLASS64 || file.Machine != elf.EM_X86_64:
		return nil, &BinaryError{fmt.Sprintf("is built for %s; Cloud Run needs linux/amd64", machine(file.Machine))}
	case file.OSABI != elf.ELFOSABI_NONE && file.OSABI != elf.ELFOSABI_LINUX:
		return nil, &BinaryError{fmt.Sprintf("is built for %s; Cloud Run needs linux/amd64", file.OSABI)}
	case file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN:
		return nil, &BinaryError{"is an object file or library, not an executable"}
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return nil, &BinaryError{"is linked dynamically, and the image has no loader; build it with CGO_ENABLED=0"}
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		return nil, &BinaryError{fmt.Sprintf("needs the library %s, and the image has none; build it with CGO_ENABLED=0", libraries[0])}
	}

	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, &BinaryError{"was not built by Go"}
	}
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" && setting.Value != "linux" {
			return nil, &BinaryError{fmt.Sprintf("is built for %s; Cloud Run needs linux/amd64", setting.Value)}
		}
	}
	runtime := &Runtime{Go: info.GoVersion, modules: info.Deps}
	runtime.Version, runtime.Revision = stamped(file)
	if runtime.Version == "" {
		runtime.Version = info.Main.Version
	}
	if runtime.Version == "" || runtime.Version == "(devel)" {
		runtime.Version = "devel"
	}
	return runtime, nil
}

func machine(m elf.Machine) string {
	switch m {
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_386:
		return "386"
	default:
		return m.String()
	}
}
