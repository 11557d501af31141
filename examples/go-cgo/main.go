// Command squeeze says how small zlib makes its argument, or the text it is given.
package main

/*
#cgo LDFLAGS: -lz
#include <stdlib.h>
#include <zlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"strings"
	"unsafe"
)

func squeezed(text string) int {
	size := C.compressBound(C.uLong(len(text)))
	out := C.malloc(C.size_t(size))
	defer C.free(out)
	in := C.CString(text)
	defer C.free(unsafe.Pointer(in))
	if C.compress((*C.Bytef)(out), &size, (*C.Bytef)(unsafe.Pointer(in)), C.uLong(len(text))) != C.Z_OK {
		return -1
	}
	return int(size)
}

func main() {
	text := strings.Repeat("ironhull ", 100)
	if len(os.Args) > 1 {
		text = strings.Join(os.Args[1:], " ")
	}
	fmt.Printf("%d bytes, squeezed to %d\n", len(text), squeezed(text))
}
