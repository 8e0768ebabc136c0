//! Visiting and mapping the parameters of a module together with their paths. burn reports the path of a parameter
//! one module at a time; this is the only place that keeps track of it.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Looks at each float parameter of a module.
pub(crate) trait ParameterVisitor {
    /// Looks at the parameter at `path`: the names of the fields and enumerations from the module down to it.
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>);
}

/// Replaces each float parameter of a module.
pub(crate) trait ParameterMapper {
    /// Returns the new parameter at `path`: the names of the fields and enumerations from the module down to it.
    fn map<const D: usize>(&mut self, path: &[String], param: Param<Tensor<D>>) -> Param<Tensor<D>>;
}

/// Visits all float parameters of a module.
pub(crate) fn visit<M: Module>(module: &M, visitor: &mut impl ParameterVisitor) {
    module.visit(&mut AtPath { path: Vec::new(), inner: visitor });
}

/// Maps all float parameters of a module.
pub(crate) fn map<M: Module>(module: M, mapper: &mut impl ParameterMapper) -> M {
    module.map(&mut AtPath { path: Vec::new(), inner: mapper })
}

struct AtPath<'a, T> {
    path: Vec<String>,
    inner: &'a mut T,
}

impl<T: ParameterVisitor> ModuleVisitor for AtPath<'_, T> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.inner.visit(&self.path, param);
    }
}

impl<T: ParameterMapper> ModuleMapper for AtPath<'_, T> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.inner.map(&self.path, param)
    }
}
