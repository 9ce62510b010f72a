pub struct Heap;
