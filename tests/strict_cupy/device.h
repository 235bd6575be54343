// What the body of an ElementwiseKernel finds around it, on a host: CUDA's words, its mathematics, and arrays that check indices.

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include <type_traits>

#define __device__
#define __host__
#define __forceinline__ inline
#define __inline__ inline
#define __noinline__

typedef long long _word;

// What went wrong first: {how often, whether it is a race, parameter, index, size, i, the other i}.
#define _FAULT 7
static _word _fault[_FAULT];
static ptrdiff_t _now;

static void _went_wrong(bool race, int parameter, ptrdiff_t index, ptrdiff_t size, ptrdiff_t other) {
    const _word found[_FAULT] = {0, race, parameter, index, size, _now, other};
    if (!_fault[0]++)
        for (int k = 1; k < _FAULT; k++) _fault[k] = found[k];
}

// A raw parameter, as CuPy's CArray: x[k] is entry k in C order, whatever the memory order; x[indices] one index an axis.
// Reading or writing elsewhere is noted, and goes to a place of its own.  Where it is watched, so is a second i at one place.
template <typename T>
class CArray {
    char* data_;
    ptrdiff_t size_;
    int contiguous_, ndim_, parameter_;
    const _word *shape_, *strides_;
    int* users_;  // by entry: 1 + the i that used it, in 32 bits; 0 for nobody
    mutable typename std::remove_const<T>::type elsewhere_;

    T& outside(ptrdiff_t index) const {
        _went_wrong(false, parameter_, index, size_, 0);
        for (size_t k = 0; k < sizeof(T); k++) ((char*)&elsewhere_)[k] = 0x7f;
        return elsewhere_;
    }
    void used(ptrdiff_t index) const {
        if (users_[index] && users_[index] != int(_now + 1)) _went_wrong(true, parameter_, index, size_, users_[index] - 1);
        users_[index] = int(_now + 1);
    }

public:
    CArray(const _word*& words, int parameter, bool watched) {
        data_ = (char*)words[0];
        size_ = words[1];
        contiguous_ = words[2];
        ndim_ = words[3];
        shape_ = words + 4;
        strides_ = shape_ + ndim_;
        words = strides_ + ndim_;
        parameter_ = parameter;
        users_ = watched ? (int*)calloc(size_ + 1, sizeof(int)) : NULL;
    }
    ~CArray() { free(users_); }
    ptrdiff_t size() const { return size_; }
    const _word* shape() const { return shape_; }
    const _word* strides() const { return strides_; }

    T& operator[](ptrdiff_t index) const {
        if (index < 0 || index >= size_) return outside(index);
        if (users_) used(index);
        if (contiguous_) return ((T*)data_)[index];
        char* at = data_;
        for (int axis = ndim_ - 1; axis >= 0; axis--) {
            at += index % shape_[axis] * strides_[axis];
            index /= shape_[axis];
        }
        return *(T*)at;
    }
    template <typename Int, int N>
    T& operator[](const Int (&indices)[N]) const {
        if (N != ndim_) return outside(-1);
        ptrdiff_t index = 0;
        for (int axis = 0; axis < N; axis++) {
            if (indices[axis] < 0 || indices[axis] >= shape_[axis]) return outside(indices[axis]);
            index = index * shape_[axis] + indices[axis];
        }
        return (*this)[index];
    }
};

struct _Indexer {
    ptrdiff_t size_;
    ptrdiff_t size() const { return size_; }
};

// CUDA has these for every pair of types; of a NaN and a number they are the number.
template <typename A, typename B>
static inline typename std::common_type<A, B>::type max(A a, B b) {
    typedef typename std::common_type<A, B>::type C;
    if (C(a) != C(a)) return b;
    return C(a) < C(b) ? C(b) : C(a);
}
template <typename A, typename B>
static inline typename std::common_type<A, B>::type min(A a, B b) {
    typedef typename std::common_type<A, B>::type C;
    if (C(a) != C(a)) return b;
    return C(b) < C(a) ? C(b) : C(a);
}
static inline float rsqrt(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
template <typename T>
static inline T __ldg(const T* at) { return *at; }
template <typename T>
static inline T atomicAdd(T* at, T value) { T before = *at; *at += value; return before; }
